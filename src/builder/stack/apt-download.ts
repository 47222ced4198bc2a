import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../../config/environment.ts';
import { PlatformError } from '../../domain/errors.ts';
import { debianKeyring, type HostApt, sourceLines } from './host-apt.ts';

const run = promisify(execFile);
const aptTimeoutMs = 5 * 60_000;
/** The packages of every Debian system, and those that it needs to install more. */
const bareSystem = ['?essential', 'apt', 'ca-certificates'] as const;

export interface Download {
  readonly suite: string;
  /** Debian's name, such as `amd64`. */
  readonly architecture: string;
  readonly apt: HostApt;
  /** An empty folder for the packages and all other files of apt. */
  readonly directory: string;
}

/** Debian's name for this host's architecture; null on a host without apt and dpkg. */
export async function debianArchitecture(): Promise<string | null> {
  try {
    await run('apt-get', ['--version'], { timeout: 10_000 });
    return (await run('dpkg', ['--print-architecture'], { timeout: 10_000 })).stdout.trim();
  } catch {
    return null;
  }
}

/**
 * Downloads the packages of a bare Debian system of any release, and checks their signatures. Returns the paths of the
 * `.deb` files. Needs no root: apt works in the folder and ignores this host's own packages. Throws `unavailable` with the
 * last lines of apt's output.
 */
export async function downloadBareDebian(download: Download, signal: AbortSignal): Promise<readonly string[]> {
  const { directory } = download;
  for (const folder of ['lists/partial', 'cache/archives/partial', 'empty']) {
    mkdirSync(join(directory, folder), { recursive: true });
  }
  writeFileSync(join(directory, 'status'), '');
  writeFileSync(join(directory, 'sources.list'), `${sourcesOf(download).join('\n')}\n`);
  // The file may hold a proxy's password.
  writeFileSync(join(directory, 'apt.conf'), `${aptConfig(download).join('\n')}\n`, { mode: 0o600 });
  await apt(['update'], download, signal);
  await apt(['install', '--yes', '--download-only', ...bareSystem], download, signal);
  const archives = join(directory, 'cache/archives');
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .sort()
    .map((name) => join(archives, name));
}

/** The files of a package as a tar. The stream fails when dpkg-deb does. */
export async function* filesOfPackage(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const child = spawn('dpkg-deb', ['--fsys-tarfile', path], { stdio: ['ignore', 'pipe', 'ignore'], signal });
  const exit = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  exit.catch(() => undefined);
  yield* child.stdout;
  const code = await exit;
  if (code !== 0) throw new PlatformError('unavailable', `dpkg-deb could not read ${path} (exit code ${code}).`);
}

function sourcesOf({ apt: host, suite }: Download): readonly string[] {
  return sourceLines(host, suite, debianKeyring());
}

function aptConfig({ apt: host, architecture, directory }: Download): readonly string[] {
  return [
    ...host.options,
    `Dir::State "${directory}";`,
    `Dir::State::lists "${directory}/lists";`,
    `Dir::State::status "${directory}/status";`,
    `Dir::Cache "${directory}/cache";`,
    `Dir::Etc::sourcelist "${directory}/sources.list";`,
    `Dir::Etc::sourceparts "${directory}/empty";`,
    `Dir::Etc::preferencesparts "${directory}/empty";`,
    `Dir::Etc::preferences "/dev/null";`,
    `Dir::Log "${directory}";`,
    `APT::Architecture "${architecture}";`,
    `APT::Architectures "${architecture}";`,
    'APT::Install-Recommends "false";',
    'APT::Sandbox::User "";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
  ];
}

async function apt(args: readonly string[], { directory }: Download, signal: AbortSignal): Promise<void> {
  const env = { ...environment(), APT_CONFIG: join(directory, 'apt.conf'), LC_ALL: 'C.UTF-8' };
  await run('apt-get', ['--quiet', ...args], { env, signal, timeout: aptTimeoutMs, maxBuffer: 16 * 1024 ** 2 }).catch(
    (error: Error & { readonly stderr?: string }) => {
      signal.throwIfAborted();
      const words = (error.stderr ?? error.message).trim().split('\n').slice(-6);
      const shown = words.map((line) => `  ${line}`).join('\n');
      throw new PlatformError(
        'unavailable',
        `apt-get could not ${args[0] === 'update' ? 'read its sources' : 'download packages'}:\n${shown}`,
      );
    },
  );
}
