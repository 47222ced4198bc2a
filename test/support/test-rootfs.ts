import { execFile } from 'node:child_process';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import tar from 'tar-stream';

const run = promisify(execFile);

const programs =
  'sh bash cat chmod dd echo env false grep head id kill ln ls mkdir mkfifo perl readlink rm seq sleep sort stat stty tail tar touch tr true wc yes'.split(
    ' ',
  );

/**
 * A root file system of about 15 MB from this machine's programs (a shell, coreutils, perl) and their libraries. It is
 * enough to test an engine, and needs no download or installation. Equal on every call on one machine.
 */
export async function testRootfs(): Promise<Readable> {
  const files = new Map<string, string>();
  await addPrograms(files);
  await addPerlModules(files);
  const pack = tar.pack();
  const out = new PassThrough();
  const fixed = { mtime: new Date(0) };
  const write = async () => {
    for (const directory of ['bin', 'dev', 'etc', 'lib', 'lib64', 'proc', 'sys', 'usr', 'data']) {
      pack.entry({ name: `${directory}/`, type: 'directory', mode: 0o755, ...fixed });
    }
    pack.entry({ name: 'tmp/', type: 'directory', mode: 0o1777, ...fixed });
    pack.entry({ name: 'home/', type: 'directory', mode: 0o755, uid: 10001, gid: 10001, ...fixed });
    pack.entry({ name: 'etc/passwd', ...fixed }, 'root:x:0:0::/:/bin/sh\napp:x:10001:10001::/home:/bin/sh\n');
    for (const [name, path] of [...files].toSorted()) {
      pack.entry({ name: name.slice(1), mode: (await stat(path)).mode & 0o777, ...fixed }, await readFile(path));
    }
    pack.finalize();
  };
  write().catch((error: Error) => pack.destroy(error));
  pipeline(pack, out).catch((error: Error) => out.destroy(error));
  return out;
}

async function addPrograms(files: Map<string, string>): Promise<void> {
  for (const program of programs) {
    const path = await firstThatExists(['/bin', '/usr/bin'].map((directory) => join(directory, program)));
    files.set(`/bin/${program}`, await realpath(path));
  }
  for (const library of await librariesOf([...files.values()])) files.set(library, await realpath(library));
}

/** Perl's modules for sockets. */
async function addPerlModules(files: Map<string, string>): Promise<void> {
  const { stdout } = await run('perl', ['-e', 'print join("\\n", grep { m{/perl-base$} } @INC)']);
  const directory = stdout.trim();
  if (directory === '') throw new Error('This machine’s perl has no perl-base directory; the test image needs it.');
  for (const name of await readdir(directory, { recursive: true })) {
    const path = join(directory, name);
    if ((await lstat(path)).isFile()) files.set(path, path);
  }
}

async function librariesOf(paths: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run('ldd', [...paths]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}

async function firstThatExists(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    if (await stat(path).catch(() => null)) return path;
  }
  throw new Error(`None of ${paths.join(', ')} exists; the test image needs it.`);
}
