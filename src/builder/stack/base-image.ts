import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { pack } from 'tar-stream';
import type { Engine } from '../../domain/engine.ts';
import { type Labels, labelNames } from '../../domain/labels.ts';
import { hostTrust } from '../host-trust.ts';
import { type HostApt, sourceLines } from './host-apt.ts';
import { customisePath, type StackRecipe } from './recipe.ts';

const installPath = fileURLToPath(new URL('install.sh', import.meta.url));
const mounted = '/run/stack';

/** The collaborators of every function here that makes an image. */
export interface ImageDeps {
  readonly engine: Engine;
  /** Called with one line of text at every step. */
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Builds the stack on an image of Debian, for hosts without mmdebstrap. Returns the image's id. */
export async function buildOnBaseImage(
  engine: Engine,
  recipe: StackRecipe,
  options: {
    readonly base: string;
    readonly apt: HostApt;
    readonly progress: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<string> {
  return buildImage(
    { engine, ...options },
    { tag: recipe.tag, files: contextFiles(recipe, options.base, options.apt), labels: recipe.config.labels ?? {} },
  );
}

/** Builds an image from `files`, among them a `Dockerfile`. Returns the image's id. */
export function buildImage(
  { engine, progress, signal }: ImageDeps,
  {
    tag,
    files,
    labels = { [labelNames.role]: 'stack' },
  }: {
    readonly tag: string;
    readonly files: Readonly<Record<string, string | Buffer>>;
    readonly labels?: Labels;
  },
): Promise<string> {
  const context = pack();
  for (const [name, content] of Object.entries(files)) context.entry({ name, mode: 0o755 }, content);
  context.finalize();
  return engine.images.buildDockerfile(
    {
      context: Readable.from(context),
      dockerfile: 'Dockerfile',
      tag,
      labels,
      buildArgs: {},
      memoryBytes: 2 * 1024 ** 3,
      cpuShares: 1024,
      // The steps print thousands of lines. The error of a failed step holds its last lines.
      output: { step: progress, detail: () => undefined, warn: progress },
    },
    signal,
  );
}

function contextFiles(recipe: StackRecipe, base: string, apt: HostApt): Record<string, string | Buffer> {
  const trust = hostTrust();
  return {
    Dockerfile: dockerfile(recipe, base),
    'install.sh': readFileSync(installPath),
    'customise.sh': readFileSync(customisePath),
    packages: recipe.packages.join('\n'),
    'dpkg.cfg': `${recipe.dpkgOptions.join('\n')}\n`,
    'sources.list': `${sourceLines(apt, recipe.suite).join('\n')}\n`,
    'apt.conf': `${aptConfig(apt, trust.env).join('\n')}\n`,
    'ca.crt': trust.caBundle ?? '',
  };
}

function dockerfile(recipe: StackRecipe, base: string): string {
  return [
    `FROM ${base}`,
    'USER 0:0',
    `RUN --mount=type=bind,target=${mounted} STACK_KIND=${recipe.kind} STACK_SUITE=${recipe.suite} sh ${mounted}/install.sh`,
    ...(recipe.config.env ?? []).map((assignment) => `ENV ${assignment}`),
    `WORKDIR ${recipe.config.workingDir}`,
    `USER ${recipe.config.user}`,
    `CMD ${JSON.stringify(recipe.config.cmd)}`,
    '',
  ].join('\n');
}

/** Without options that name a file or a program of the host: the container does not have it. */
function aptConfig(apt: HostApt, env: Readonly<Record<string, string>>): readonly string[] {
  const portable = apt.options.filter((line) => !/::(CaInfo|CaPath|SslCert|SslKey|\S*Auto-?Detect)\b/i.test(line));
  const proxies = (['http', 'https'] as const).flatMap((scheme) => {
    const proxy = env[`${scheme}_proxy`];
    return proxy === undefined ? [] : [`Acquire::${scheme}::Proxy "${proxy}";`];
  });
  return [
    ...proxies,
    ...portable,
    `Acquire::https::CAInfo "${mounted}/ca.crt";`,
    `Dir::Etc::SourceList "${mounted}/sources.list";`,
    'Dir::Etc::SourceParts "/dev/null";',
  ];
}
