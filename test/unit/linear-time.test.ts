import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRange } from '../../src/api/range.ts';
import { withoutStage } from '../../src/builder/dockerfile/context-stage.ts';
import { DockerIgnore } from '../../src/builder/dockerfile/dockerignore.ts';
import { explained } from '../../src/builder/dockerfile/errors.ts';
import { syntaxLines } from '../../src/builder/dockerfile/front-end.ts';
import { instructionsOf } from '../../src/builder/dockerfile/instructions.ts';
import { refuseRemoteAdd } from '../../src/builder/dockerfile/remote-add.ts';
import { rewriteDockerfile, withoutAdditions } from '../../src/builder/dockerfile/rewrite.ts';
import { BuildLines } from '../../src/builder/jail/build-lines.ts';
import { concealer } from '../../src/builder/jail/conceal.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { parseProcfile } from '../../src/domain/procfile.ts';
import { parseHostname } from '../../src/domain/route.ts';
import { BuildProgress } from '../../src/engine/build-progress.ts';
import { visibleLines } from '../../src/git-receive/pusher-output.ts';
import { parseRefUpdates } from '../../src/git-receive/ref-update.ts';
import { plainText } from '../../src/reporting/plain-text.ts';
import { redact } from '../../src/reporting/redact.ts';
import { cpuMsOf } from '../support/cpu-time.ts';

// The orchestrator is one process: input that takes seconds to read stops everybody's pushes. A harmless-looking
// `.replace(/\r+$/, '')` takes time that grows with the square of untrusted input.

const length = 60_000;
const mostMs = 700;
const trust = { image: 'ca', sourcePath: '/a', targetPath: '/b', args: ['A'] };
const output = { step() {}, detail() {}, warn() {} };
const secrets = { KEY: Array.from({ length: 300 }, (_, index) => `${'a'.repeat(8)}${index}`).join('\n') };

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  'a Procfile': parseProcfile,
  'a .dockerignore': (text) => new DockerIgnore(text, '.dockerignore').leavesOut('a/b/c/d'),
  'a Dockerfile’s syntax lines': syntaxLines,
  'a Dockerfile’s instructions': (text) => instructionsOf(text.split('\n')),
  'a Dockerfile’s ADDs': refuseRemoteAdd,
  'a Dockerfile to rewrite': (text) => rewriteDockerfile(text, { trust, dropSyntax: true }),
  'an error of the engine': (text) => {
    const cause = new Error(`no such host ${text}`);
    const error = new PlatformError('build_failed', `${text}. It wrote last:\npermission denied`, { cause });
    return explained(error, {
      dockerfile: text,
      shownLine: (line) => withoutAdditions(withoutStage(line) ?? '', { trust, lastStage: '' }),
      originalLine: (line) => line,
    });
  },
  'the output of a build': (text) => new BuildLines(output, concealer(secrets)).write(Buffer.from(`${text}\n`)),
  'the output of a Dockerfile’s step': (text) => {
    const bytes = Buffer.from(`${text}\n`);
    const step = { digest: 'd', name: `ADD ${text}`, cached: false, started: true, completed: false, error: '' };
    new BuildProgress(output).add({ steps: [step], logs: [{ digest: 'd', stream: 'stdout', bytes }], warnings: [] });
  },
  'a line for the pusher': visibleLines,
  'a line for the log': plainText,
  'a line of the platform’s own log': redact,
  'the updates of a push': parseRefUpdates,
  'a hostname': parseHostname,
  'a Range header': (text) => parseRange(text, ['version', 'id']),
};

const pieces = [
  ' ',
  '\t',
  '\r',
  '\n',
  '\\',
  '"',
  '[',
  '<<"a',
  ' \\\n',
  '=a',
  '-a',
  ']',
  '**/',
  '\u001b[',
  '\u001b]',
  '//a/v2/',
].concat([
  ',',
  'docker.io/',
  'aaaaaaaa',
  '"password":[',
  '\\"token\\":\\"',
  'http://',
  'a@',
  'Bearer ',
  '0 ',
  '.',
  'x: ',
]);
const frames: readonly (readonly [string, string])[] = [
  ['', ''],
  ['web:', ''],
  ['version ..;', ''],
  ['# a=x', 'y'],
  ['web: x', '\u2028'],
  ['ADD ', ' y'],
];

function readOrRefused(read: (text: string) => unknown, text: string): void {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof PlatformError, String(error));
  }
}

for (const [what, read] of Object.entries(readers)) {
  test(`${what} is read in linear time, for any content`, () => {
    for (const piece of pieces) {
      for (const [before, after] of frames) {
        const text = before + piece.repeat(Math.ceil(length / piece.length)) + after;
        const tookMs = cpuMsOf(() => readOrRefused(read, text));
        assert.ok(tookMs < mostMs, `${JSON.stringify(before)} and many ${JSON.stringify(piece)}: ${tookMs} ms`);
      }
    }
  });
}
