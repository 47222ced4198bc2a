import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { copyFromStage, withoutStage } from '../../src/builder/dockerfile/context-stage.ts';
import { copyInit, lastStageOf } from '../../src/builder/dockerfile/copy-init.ts';
import { DockerIgnore } from '../../src/builder/dockerfile/dockerignore.ts';
import { explained } from '../../src/builder/dockerfile/errors.ts';
import { isTrustedFrontEnd, syntaxLines } from '../../src/builder/dockerfile/front-end.ts';
import { instructionsOf } from '../../src/builder/dockerfile/instructions.ts';
import { refuseRemoteAdd } from '../../src/builder/dockerfile/remote-add.ts';
import { rewriteDockerfile, withoutAdditions } from '../../src/builder/dockerfile/rewrite.ts';
import { initTag } from '../../src/builder/init/init.ts';
import { PlatformError } from '../../src/domain/errors.ts';

const trust = {
  image: 'paas/host-ca:1',
  sourcePath: '/ca.crt',
  targetPath: '/run/ca.crt',
  args: ['SSL_CERT_FILE', 'PIP_CERT'],
};
const mount = '--mount=type=bind,from=paas/host-ca:1,source=/ca.crt,target=/run/ca.crt';

const ignorable = [
  ...[
    'Dockerfile',
    '.dockerignore',
    'a.txt',
    'b.md',
    'README.md',
    '.env',
    'x',
    'foo.log',
    'ab',
    'f(1).txt',
    '[z]',
    '!bang',
  ],
  ...[
    '#hash',
    'sp ace',
    'é',
    'dir/x',
    'dir/a.txt',
    'dir/sub/x',
    'dir/sub/keep.md',
    'other/x',
    'src/node_modules/m',
    'ax/y/b',
  ],
];

// What `docker build` keeps of these files with COPY, except for `!**/x`: there its walk leaves out folders that it may not.
describe('.dockerignore leaves out what Docker leaves out', () => {
  for (const [text, left] of [
    ['*', ignorable],
    ['**', ignorable],
    ['*\n!x', ignorable.filter((path) => path !== 'x')],
    ['*\n!dir/sub/keep.md', ignorable.filter((path) => path !== 'dir/sub/keep.md')],
    ['*\n!**/x', ignorable.filter((path) => !/(^|\/)x$/.test(path))],
    ['**/x', ['x', 'dir/x', 'dir/sub/x', 'other/x']],
    ['# c\nx', ['x']],
    [' # c\nx', ['x']],
    ['\uFEFFx\r\n  ab \t\r\n', ['x', 'ab']],
    ['/x', ['x']],
    ['./x', ['x']],
    ['dir/../x', ['x']],
    ['/../x', ['x']],
    ['../x', []],
    ['..\n.\n/\nx/..', []],
    ['dir/', ['dir/x', 'dir/a.txt', 'dir/sub/x', 'dir/sub/keep.md']],
    ['dir//sub/**', ['dir/sub/x', 'dir/sub/keep.md']],
    ['dir/**/x', ['dir/x', 'dir/sub/x']],
    ['**/sub', ['dir/sub/x', 'dir/sub/keep.md']],
    ['*.md\n!README.md', ['b.md']],
    ['!README.md\n*.md', ['b.md', 'README.md']],
    ['dir\n!dir/sub\ndir/sub/x', ['dir/x', 'dir/a.txt', 'dir/sub/x']],
    ['[a-b]*', ['a.txt', 'b.md', 'ab', 'ax/y/b']],
    ['[!a]*', ['a.txt', 'ab', 'ax/y/b', '!bang']],
    ['[^.-~]*', ['!bang', '#hash', 'é']],
    ['?', ['x', 'é']],
    ['a**b', ['ab', 'ax/y/b']],
    ['**b', ['ab', 'ax/y/b', 'dir/sub/x', 'dir/sub/keep.md']],
    ['**.log', ['foo.log']],
    ['\\#hash\n\\!bang\n\\[z\\]', ['#hash', '!bang', '[z]']],
    ['f(1).txt\nsp ace', ['f(1).txt', 'sp ace']],
    ['Dockerfile\n.dockerignore', ['Dockerfile', '.dockerignore']],
  ] as const) {
    test(JSON.stringify(text), () => {
      const ignore = new DockerIgnore(text, '.dockerignore');
      assert.deepEqual(
        ignorable.filter((path) => ignore.leavesOut(path)),
        ignorable.filter((path) => (left as readonly string[]).includes(path)),
      );
    });
  }

  for (const line of ['!', '[', 'a[]', '[-a]', 'x\\']) {
    test(`${line} is refused with its line`, () => {
      assert.throws(() => new DockerIgnore(`x\n${line}\n`, '.dockerignore'), {
        code: 'build_failed',
        message: /^\.dockerignore line 2 is not a pattern/,
      });
    });
  }
});

test('each COPY of the context copies from a stage without the Dockerfile, and lines keep their numbers', () => {
  const staged = copyFromStage(
    '# syntax=x\nARG B\nFROM $B\ncopy --chown=1 . \\\n  /x\nCOPY --from=other a b\nRUN --mount=type=cache,target=/c x\nBAD',
  );
  assert.equal(
    staged?.text,
    '# syntax=x\nARG B\nFROM scratch AS paas-context\nCOPY paas-context/ /\nFROM $B\ncopy --from=paas-context --chown=1 . \\\n  /x\nCOPY --from=other a b\nRUN --mount=type=cache,target=/c x\nBAD',
  );
  assert.deepEqual(
    [1, 2, 5, 6, 10].map((line) => staged?.lineBefore(line)),
    [1, 2, 3, 4, 8],
  );
  for (const line of [
    'ADD . /x',
    'COPY --from=0 a b',
    'COPY <<E /x\nE',
    'RUN --mount=target=/s ls',
    'RUN --mount=type=bind,from=1,target=/s ls',
  ]) {
    assert.equal(copyFromStage(`FROM a\n${line}`), null, line);
  }
});

test('instructions are found across continued lines, comments and here-documents', () => {
  const text = [
    '# syntax=docker/dockerfile:1',
    'FROM a AS b',
    'RUN one \\',
    '  # a comment',
    '',
    '  && two',
    'RUN <<EOF',
    'RUN is no instruction here',
    'EOF',
    'COPY <<"A" <<B /x/',
    'FROM inside',
    'A',
    'RUN inside too',
    'B',
    'cmd ["x"]',
  ];
  assert.deepEqual(
    instructionsOf(text).map(({ keyword, firstLine, lastLine }) => [keyword, firstLine, lastLine]),
    [
      ['FROM', 1, 1],
      ['RUN', 2, 5],
      ['RUN', 6, 8],
      ['COPY', 9, 13],
      ['CMD', 14, 14],
    ],
  );
});

test('a Dockerfile may choose another escape character', () => {
  const text = ['# escape=`', 'FROM a', 'RUN dir C:\\', 'RUN x `', ' y'];
  assert.deepEqual(
    instructionsOf(text).map(({ firstLine, lastLine }) => [firstLine, lastLine]),
    [
      [1, 1],
      [2, 2],
      [3, 4],
    ],
  );
});

test('every RUN has the certificates of the host, and the file keeps none of their settings', () => {
  const { text } = rewriteDockerfile('FROM a\nRUN x \\\n  RUN\nFROM b\nCOPY . .\n  run y', {
    trust,
    dropSyntax: false,
  });
  assert.equal(
    text,
    `FROM a\nARG SSL_CERT_FILE\nARG PIP_CERT\nRUN ${mount} x \\\n  RUN\nFROM b\nARG SSL_CERT_FILE\nARG PIP_CERT\nCOPY . .\n  run ${mount} y`,
  );
});

test("errors have the line numbers of the author's file", () => {
  const { originalLine } = rewriteDockerfile('FROM a\nRUN x\nFROM b\nRUN y\nBAD', { trust, dropSyntax: false });
  assert.deepEqual([1, 4, 5, 8, 9].map(originalLine), [1, 2, 3, 4, 5]);
  const cause = new Error('dockerfile parse error line 9: unknown instruction: BAD');
  const error = new PlatformError('build_failed', `The Dockerfile cannot be built: ${cause.message}`, { cause });
  const told = explained(error, { dockerfile: '', shownLine: (line) => line, originalLine });
  assert.match(String(told), /line 5: unknown instruction: BAD/);
});

test('a base image that does not exist is named, with an alternative', () => {
  const cause = new Error(
    'failed to do request: Head "https://hub.example/v2/library/node/manifests/20": dial tcp: lookup hub.example: no such host',
  );
  const error = new PlatformError('build_failed', 'The Dockerfile cannot be built', { cause });
  const told = explained(error, {
    dockerfile: '',
    shownLine: (line) => line,
    originalLine: (line) => line,
  });
  assert.ok(told instanceof PlatformError);
  assert.match(told.message, /hub\.example\/node:20 is not in the engine/);
  assert.match(told.hint ?? '', /FROM paas\/run/);
});

test('lines that the platform added are not shown', () => {
  const shown = (line: string, lastStage = 'other') => withoutAdditions(line, { trust, lastStage });
  assert.equal(shown(`[2/3] RUN ${mount} npm ci`), '[2/3] RUN npm ci');
  assert.equal(shown('FROM docker.io/paas/host-ca:1'), null);
  assert.equal(shown('FROM docker.io/paas/run'), 'FROM docker.io/paas/run');
  assert.equal(shown(`[2/4] ${copyInit}`, ''), null);
  assert.equal(shown(`FROM docker.io/${initTag}`), null);
  assert.deepEqual(
    ['[1/4] FROM a', '[3/4] RUN b (cached)', '[4/4] RUN [2/4] c', 'plain', '[build 2/4] RUN d'].map((line) =>
      shown(line, ''),
    ),
    ['[1/3] FROM a', '[2/3] RUN b (cached)', '[3/3] RUN [2/4] c', 'plain', '[build 2/4] RUN d'],
  );
  assert.equal(shown('[stage-1  9/10] RUN x', 'stage-1'), '[stage-1  8/9] RUN x');
  assert.equal(shown('[stage-0 3/4] RUN x', ''), '[2/3] RUN x');
  const ofStage = (line: string, lastStage: string) => shown(withoutStage(line) ?? '', lastStage);
  assert.equal(ofStage('[stage-1 3/4] COPY --from=paas-context --chown=a b c', ''), '[2/3] COPY --chown=a b c');
  assert.equal(ofStage('[stage-2 3/4] COPY --from=paas-context b c', 'stage-1'), '[stage-1 2/3] COPY b c');
  assert.equal(withoutStage('[paas-context 1/1] COPY paas-context/ /'), null);
});

test('the init is copied at the beginning of the last stage, whatever the end of the file looks like', () => {
  const text = 'ARG V=1\nFROM a AS build\nRUN make\nFROM --platform=$P \\\n  b:$V as Prod\nRUN x \\';
  const { text: made, originalLine } = rewriteDockerfile(text, {
    trust: null,
    inLastStage: copyInit,
    dropSyntax: false,
  });
  assert.equal(made, text.replace('as Prod\n', `as Prod\n${copyInit}\n`));
  assert.deepEqual([1, 5, 6, 7].map(originalLine), [1, 5, 5, 6]);
  assert.deepEqual([text, 'FROM a', 'FROM a\nFROM b', 'FROM a AS x\nFROM x # no\n', ''].map(lastStageOf), [
    'prod',
    '',
    'stage-1',
    'stage-1',
    '',
  ]);
});

test('the syntax line counts only at the top', () => {
  const imagesOf = (text: string) => syntaxLines(text).map(({ image }) => image);
  assert.deepEqual(imagesOf('# syntax=docker/dockerfile:1\nFROM a'), ['docker/dockerfile:1']);
  assert.deepEqual(imagesOf('# a comment\n# syntax=docker/dockerfile:1\nFROM a'), []);
  const { text } = rewriteDockerfile('# syntax=x\nFROM a', { trust: null, dropSyntax: true });
  assert.equal(text, '#\nFROM a');
});

test('only Docker’s own front end is accepted, however the line is hidden', () => {
  for (const own of [
    '# syntax=docker/dockerfile:1',
    '#syntax = docker.io/docker/dockerfile:1.7-labs',
    '# escape=`\r\n# syntax=docker/dockerfile-upstream:master\r',
    `# syntax=docker/dockerfile@sha256:${'a'.repeat(64)}`,
  ]) {
    assert.deepEqual(syntaxLines(`${own}\nFROM a`).map(isTrustedFrontEnd), [true], own);
  }
  for (const strange of [
    '# syntax=somebody/frontend',
    '# SYNTAX=somebody/frontend docker/dockerfile:1',
    '#!/usr/bin/env x\n# syntax=127.0.0.1:5000/docker/dockerfile',
    '\uFEFF# syntax=docker/dockerfile-but-not',
    '// syntax=somebody/frontend',
    '# syntax=docker/dockerfile:1\n# syntax=somebody/frontend',
    '{"syntax": "somebody/frontend"}',
  ]) {
    assert.ok(!syntaxLines(`${strange}\nFROM a`).every(isTrustedFrontEnd), strange);
    const { text } = rewriteDockerfile(`${strange}\nFROM a`, { trust: null, dropSyntax: true });
    assert.deepEqual(syntaxLines(text), [], strange);
  }
});

test('an ADD of an address is refused with its line, and one of a path is not', () => {
  const url = 'http://169.254.169.254/latest/';
  for (const line of [
    `ADD ${url} /x`,
    `add --chown=1 ${url} /x`,
    `ADD ["a", "${url}", "/x"]`,
    'ADD h"tt"p://127.0.0.1/ /x',
    'ADD h\\ttp://127.0.0.1/ /x',
    'ADD ht\\\ntp://127.0.0.1/ /x',
    `ONBUILD ADD ${url} /x`,
    'ADD git@example.com:a/b.git /x',
    'ADD https://example.com/a.git#main /x',
  ]) {
    assert.throws(() => refuseRemoteAdd(`FROM a\n${line}\n`), { code: 'build_failed', message: /line 2 adds / }, line);
  }
  for (const line of [
    'ADD src/http /x',
    'ADD a.tar.gz /x',
    'ADD ${JAR} app.jar',
    `RUN echo "ADD ${url} /x"`,
    `COPY a b\n# ADD ${url} /x`,
    `ADD <<END /x\nsee ${url}\nEND`,
    `ENV A=${url}`,
  ]) {
    assert.doesNotThrow(() => refuseRemoteAdd(`FROM a\n${line}\n`), line);
  }
});

test('a Dockerfile of any form keeps all its own lines in their order', () => {
  const line = fc.oneof(fc.constantFrom('FROM a', 'RUN b', 'RUN c \\', '', '# x', 'COPY <<E /e', 'E'), fc.string());
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const { text } = rewriteDockerfile(lines.join('\n'), { trust, dropSyntax: false });
      const kept = text.split('\n').filter((one) => !/^ARG (SSL_CERT_FILE|PIP_CERT)$/.test(one));
      assert.equal(kept.join('\n').replaceAll(` ${mount}`, ''), lines.join('\n'));
    }),
  );
});
