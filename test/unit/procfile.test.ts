import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseProcfile } from '../../src/domain/procfile.ts';
import { textOf } from '../../src/domain/text-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'paas-procfile-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const buildpacks = resolve(import.meta.dirname, '../../buildpacks');

function inBash(script: string, bytes: Buffer): string {
  writeFileSync(join(folder, 'Procfile'), bytes);
  const options = {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'],
  };
  return execFileSync('bash', ['-c', script, 'bash', buildpacks], options).toString();
}

const utf16 = (text: string) => Buffer.from(text, 'utf16le');
const swapped = (text: string) => utf16(text).swap16();

describe('the platform and the buildpacks read the same in a Procfile', () => {
  for (const [what, text, expected] of [
    ['with plain lines', 'web: node a.js\nworker: b "x: y" # note\n', { web: 'node a.js', worker: 'b "x: y" # note' }],
    ['with blanks before a type', '  web: a\n\tworker:\tb\n', { web: 'a', worker: 'b' }],
    ['with blanks around the colon', 'web : a\nworker:b\nclock\t:\tc  \n', { web: 'a', worker: 'b', clock: 'c' }],
    ['with no-break spaces', '\u00A0web\u00A0:\u00A0a\u00A0\n', { web: 'a' }],
    ['with a byte order mark', '\uFEFFweb: a\n', { web: 'a' }],
    ['with a byte order mark and blanks', '\uFEFF  web: a', { web: 'a' }],
    ['with CRLF', '\r\nweb: a\r\nworker: b\r\n', { web: 'a', worker: 'b' }],
    ['with lone CR', 'web: a\rworker: b', { web: 'a', worker: 'b' }],
    ['with comments', '# web: no\n   # x: no\n#\nweb: a\n', { web: 'a' }],
    ['without a last newline', 'web: a', { web: 'a' }],
    ['with types in another case', 'Worker: a\nworker: b\nmyWeb: c', { Worker: 'a', worker: 'b', myWeb: 'c' }],
    ['without web', 'worker: a', { worker: 'a' }],
    ['without an entry', '\n  \n# nothing\n', {}],
  ] as const) {
    test(what, () => {
      const bytes = Buffer.from(text);
      assert.deepEqual(Object.fromEntries(parseProcfile(textOf(bytes, 'Procfile'))), expected);
      const entries = inBash('. "$1/procfile/lib/procfile.sh"; procfile_entries Procfile', bytes);
      const rows = entries.split('\n').filter((row) => row !== '');
      assert.deepEqual(Object.fromEntries(rows.map((row) => row.split('\t'))), expected);
      const answers =
        '. "$1/nodejs/lib/processes.sh"; for f in procfile_has_web procfile_has_any; do $f && echo yes || echo no; done';
      const yes = (is: boolean) => (is ? 'yes' : 'no');
      const types = Object.keys(expected);
      assert.equal(inBash(answers, bytes), `${yes(types.includes('web'))}\n${yes(types.length > 0)}\n`);
    });
  }
});

describe('a Procfile is refused', () => {
  for (const [what, bytes, message, hint] of [
    [
      'in UTF-16',
      Buffer.concat([Buffer.from([0xff, 0xfe]), utf16('web: a\r\n')]),
      /^Procfile is UTF-16 text; save it as UTF-8\.$/,
      /iconv -f UTF-16 /,
    ],
    [
      'in UTF-16 of the other order',
      Buffer.concat([Buffer.from([0xfe, 0xff]), swapped('web: a')]),
      /UTF-16 text/,
      /iconv/,
    ],
    ['in UTF-16 without a mark', utf16('web: node server.js\n'), /UTF-16LE text/, /iconv -f UTF-16LE /],
    ['in UTF-16 of the other order without a mark', swapped('web: a'), /UTF-16BE text/, /iconv/],
    ['in UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x77, 0, 0, 0]), /UTF-32 text/, /iconv/],
    ['in Latin-1', Buffer.from('web: a\nworker: caf\xe9', 'latin1'), /^Procfile line 2 is not UTF-8 text/, null],
    ['with a zero byte', Buffer.from('web: a long command\0'), /^Procfile line 1 holds a zero byte/, null],
    ['with Web', Buffer.from('Web: a'), /^Procfile line 1 says Web: write web, in lower case\.$/, null],
    ['with WEB and blanks', Buffer.from('\n  WEB : a'), /^Procfile line 2 says WEB: write web, in lower case\.$/, null],
    ['with Release', Buffer.from('Release: a'), /write release, in lower case/, null],
    [
      'with a full-width colon',
      Buffer.from('web： a'),
      /line 1 is not "type: command": "web： a"/,
      /another character that looks like one/,
    ],
    [
      'without a command',
      Buffer.from('worker: a\nweb:   \n'),
      /^Procfile line 2 has no command for web\.$/,
      /For example: web: /,
    ],
    ['with a semicolon', Buffer.from('web; a'), /line 1 is not/, /For example/],
    ['with an equals sign', Buffer.from('web=a'), /line 1 is not/, /For example/],
    ['with a list', Buffer.from('- web: a'), /line 1 is not/, /For example/],
    ['with a type twice', Buffer.from('web: a\n web : b'), /line 2 declares web a second time/, null],
    ['with an escape sequence', Buffer.from('\x1b[31mweb: a'), /"\\x1b\[31mweb: a"/, null],
  ] as const) {
    test(what, () => {
      assert.throws(() => parseProcfile(textOf(bytes, 'Procfile')), {
        code: 'invalid_params',
        message,
        ...(hint && { hint }),
      });
    });
  }
});
