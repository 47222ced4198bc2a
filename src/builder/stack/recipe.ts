import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ImageConfig } from '../../domain/images.ts';
import { labelNames } from '../../domain/labels.ts';

/** Apps run on `run`. `build` is the same with compilers and headers, for builds only. */
export type StackKind = 'run' | 'build';
export const stackKinds: readonly StackKind[] = ['run', 'build'];

/** Raise it when the making of stacks changes in a way that is in neither the packages nor the script. */
const recipeVersion = 1;

/** `uid:gid` of the user that both stacks run as. */
export const stackUser = '10001:10001';

/** Old names of renamed libraries are on purpose: trixie's t64 packages provide them, so one list works for both releases. */
const runPackages = [
  ...['bash', 'bzip2', 'ca-certificates', 'curl', 'file', 'gettext-base', 'git', 'jq', 'netcat-openbsd', 'openssl'],
  ...['perl', 'procps', 'python3', 'ruby', 'tzdata', 'unzip', 'xz-utils', 'zip', 'zstd'],
  // Libraries for prebuilt programs of well-known buildpacks, and for programs that are compiled on the build stack.
  ...['libc-ares2', 'libcrypt1', 'libcurl4', 'libevent-2.1-7', 'libffi8', 'libgmp10', 'libpcre2-8-0', 'libpq5'],
  ...['libreadline8', 'libsqlite3-0', 'libssl3', 'libxml2', 'libxslt1.1', 'libyaml-0-2', 'zlib1g'],
] as const;

const buildPackages = [
  ...['autoconf', 'automake', 'build-essential', 'libtool', 'locales', 'openssh-client', 'pkg-config', 'python3-dev'],
  // The static buildpack copies the nginx program into the app's image.
  ...['nginx', 'python3-venv', 'rsync', 'ruby-dev', 'wget'],
  ...['libbz2-dev', 'libcurl4-openssl-dev', 'libevent-dev', 'libffi-dev', 'libgmp-dev', 'liblzma-dev'],
  ...['libncurses-dev', 'libpq-dev', 'libreadline-dev', 'libsqlite3-dev', 'libssl-dev', 'libxml2-dev'],
  ...['libxslt1-dev', 'libyaml-dev', 'zlib1g-dev'],
] as const;

/** Manuals and translations are a third of a Debian system, and containers do not need them. Licences stay. */
const excludedPaths = ['/usr/share/man/*', '/usr/share/info/*', '/usr/share/doc/*', '/usr/share/locale/*'];
const dpkgOptions = [
  // No fsync after each file, which would be a third of the time. If the machine fails, the stack is made again anyway.
  'force-unsafe-io',
  ...excludedPaths.map((path) => `path-exclude=${path}`),
  'path-include=/usr/share/doc/*/copyright',
] as const;

export const customisePath = fileURLToPath(new URL('customise.sh', import.meta.url));

/** Everything that decides the contents of a stack. Equal recipes have equal tags on every host. */
export interface StackRecipe {
  readonly kind: StackKind;
  readonly suite: string;
  readonly packages: readonly string[];
  readonly dpkgOptions: readonly string[];
  readonly config: ImageConfig;
  /** `paas/run:<hash of all of the above>`. */
  readonly tag: string;
}

export function stackRecipe(kind: StackKind, suite: string): StackRecipe {
  const packages = [...(kind === 'run' ? runPackages : [...runPackages, ...buildPackages])].sort();
  const labels = { [labelNames.role]: 'stack', 'paas.stack': suite, 'paas.stack.kind': kind };
  const config: ImageConfig = {
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
    cmd: ['bash'],
    workingDir: '/app',
    user: stackUser,
    labels,
  };
  const script = readFileSync(customisePath, 'utf8');
  const content = JSON.stringify({ recipeVersion, kind, suite, packages, dpkgOptions, config, script });
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  return { kind, suite, packages, dpkgOptions, config, tag: `paas/${kind}:${hash}` };
}
