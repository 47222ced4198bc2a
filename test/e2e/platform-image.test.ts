import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import tar from 'tar-stream';
import { hostTrust } from '../../src/builder/host-trust.ts';
import { ensureStacks } from '../../src/builder/stack.ts';
import { type Labels, labelNames } from '../../src/domain/labels.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { claim } from '../support/claims.ts';
import { scaled } from '../support/deadline.ts';
import { testDockerHost } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { removeAllOf } from '../support/leftovers.ts';
import { freePort, httpGet } from '../support/platform.ts';
import { repositoryFiles } from '../support/source-files.ts';

const runId = `image-${randomBytes(4).toString('hex')}`;
const labels = { [labelNames.platform]: runId };
const tag = `paas-test/${runId}:platform`;
const home = `${runId}-home`;
const socket = testDockerHost().replace(/^unix:\/\//, '');
const engine = createDockerEngine({ dockerHost: testDockerHost() });
const docker = new Docker({ socketPath: socket });

/** The id of the platform in the container, the label of all that it makes. */
let platformLabels: Labels | null = null;
let image: Awaited<ReturnType<typeof claim>> | null = null;
let boxed: Awaited<ReturnType<typeof claim>> | null = null;

after(async () => {
  await removeAllOf(runId, testDockerHost());
  const { [labelNames.platform]: platformId } = platformLabels ?? {};
  if (platformId !== undefined) await removeAllOf(platformId, testDockerHost());
  image?.release();
  boxed?.release();
});

/** What `docker build .` would send: the repository, and the bundle that somebody behind a proxy lays beside it. */
function context(): Readable {
  const pack = tar.pack();
  for (const { path, text: content, mode } of repositoryFiles()) pack.entry({ name: path, mode }, content);
  pack.entry({ name: 'ca.crt' }, hostTrust().caBundle ?? '');
  pack.finalize();
  return Readable.from(pack);
}

before(async () => {
  image = await claim({ platformId: runId, dockerHost: testDockerHost() });
  await ensureStacks(engine, { stackSuite: 'trixie' });
  const lines: string[] = [];
  const hear = (line: string) => lines.push(line);
  const { http_proxy, https_proxy, no_proxy } = hostTrust().env;
  const proxies = Object.entries({ http_proxy, https_proxy, no_proxy }).flatMap(([name, value]) =>
    value ? [[name, value]] : [],
  );
  await engine.images
    .buildDockerfile(
      {
        context: context(),
        dockerfile: 'Dockerfile',
        tag,
        labels,
        // There may be no registry with Debian, but our stack is a Debian too.
        buildArgs: { BASE: 'paas/run', ...Object.fromEntries(proxies) },
        memoryBytes: 2 * 1024 ** 3,
        cpuShares: 1024,
        output: { step: hear, detail: hear, warn: hear },
      },
      AbortSignal.timeout(scaled(5 * 60_000)),
    )
    .catch((error: Error) => {
      throw new Error(`${error.message}\n${lines.slice(-30).join('\n')}`, { cause: error });
    });
});

test('the platform’s image contains the platform, and nothing of the machine that built it', async () => {
  const script = [
    'ls /opt/paas /opt/paas/node_modules/typescript /opt/paas/test /opt/paas/ca.crt 2>/dev/null | grep -E "typescript|test|ca.crt"',
    'command -v npm && echo "npm is in it"',
    'node --version; git --version | cut -d" " -f1-2; paas --version',
  ].join('; ');
  const container = await docker.createContainer({
    Image: tag,
    Entrypoint: ['sh', '-c', script],
    Labels: labels,
    Tty: true,
  });
  const output = await container.attach({ stream: true, stdout: true });
  await container.start();
  const lines = (await text(output)).trim().split(/\r?\n/);
  assert.match(lines[0] ?? '', /^v2[4-9]\./, lines.join('\n'));
  assert.equal(lines[1], 'git version');
  assert.match(lines[2] ?? '', /\d+\.\d+\.\d+/);
  const history = JSON.stringify(await docker.getImage(tag).history());
  assert.ok(!history.includes('BEGIN CERTIFICATE'));
});

test('with the engine’s socket and the host’s network the image runs as a platform, and stops cleanly', async () => {
  await engine.volumes.create(home, labels);
  const ports = { PAAS_API_PORT: await freePort(), PAAS_HTTP_PORT: await freePort() };
  const container = await docker.createContainer({
    Image: tag,
    Labels: labels,
    Env: [...Object.entries(ports).map(([name, port]) => `${name}=${port}`), 'PAAS_BIND=127.0.0.1'],
    HostConfig: {
      NetworkMode: 'host',
      Init: true,
      CapAdd: ['NET_ADMIN'],
      Binds: [`${socket}:/var/run/docker.sock`, `${home}:/var/lib/paas`],
    },
  });
  await container.start();
  await eventually(
    'the platform in the container is ready',
    async () => {
      const { State } = await container.inspect();
      if (!State.Running) throw new Error(`it ended: ${await container.logs({ stdout: true, stderr: true })}`);
      return (await httpGet({ port: ports.PAAS_API_PORT, path: '/healthz', headers: {} })).status === 200;
    },
    { deadlineMs: 60_000, everyMs: 100 },
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await container.logs({ stdout: true, stderr: true, tail: 40 })}`, {
      cause: error,
    });
  });

  const credentials = await inside(container, 'cat $XDG_CONFIG_HOME/paas/credentials.json');
  const [login] = Object.values(JSON.parse(credentials) as Record<string, { readonly token: string }>);
  const headers = { Authorization: `Bearer ${login?.token}`, Accept: 'application/vnd.heroku+json; version=3' };
  const status = await httpGet({ port: ports.PAAS_API_PORT, path: '/platform/status', headers });
  const { platform_id: platformId } = JSON.parse(status.body) as { readonly platform_id: string };
  platformLabels = { [labelNames.platform]: platformId };
  boxed = await claim({ platformId, dockerHost: testDockerHost() });

  const pushed = await inside(
    container,
    `mkdir /tmp/boxed && cd /tmp/boxed && git init -q -b main && echo 'web: python3 -m http.server $PORT' >Procfile &&
     echo 'Hello from the box' >index.html && git add . && git -c user.name=Ada -c user.email=ada@example.com commit -q -m One &&
     paas create boxed && git push paas main`,
  );
  const answer = await httpGet({ port: ports.PAAS_HTTP_PORT, path: '/', headers: { Host: 'boxed.localhost' } });
  assert.equal(answer.body, 'Hello from the box\n', pushed);
  await inside(container, 'paas destroy boxed --confirm boxed');
  const networks = await engine.networks.list(platformLabels);
  assert.deepEqual(
    networks.map(({ name }) => name.replace(platformId, 'ID')),
    ['paas-ID-build-1'],
    'of the app nothing is left; the network to build in is kept for the next build',
  );

  await container.stop({ t: 40 });
  assert.equal((await container.inspect()).State.ExitCode, 0);
});

/** Runs a script in the container, as `docker exec` does, and returns its output. It must succeed. */
async function inside(container: Docker.Container, script: string): Promise<string> {
  const started = await container.exec({
    Cmd: ['sh', '-c', script],
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
  });
  const output = await text(await started.start({ hijack: true, Tty: true }));
  assert.equal((await started.inspect()).ExitCode, 0, `${script}\n${output}`);
  return output;
}
