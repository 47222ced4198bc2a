import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PlatformError } from '../../src/domain/errors.ts';
import { parseGitVersion } from '../../src/git-receive/git-version.ts';
import { flushPkt, pktLine, readPktLines } from '../../src/git-receive/pkt-line.ts';
import { PusherOutput, visibleLines } from '../../src/git-receive/pusher-output.ts';
import { isGitHostname, isGitUrl, parseGitRoute } from '../../src/git-receive/routes.ts';
import { badAppPaths } from '../support/bad-names.ts';

describe("a git client's URL", () => {
  it('is one of six requests, with or without .git', () => {
    const advertise = { kind: 'advertise', service: 'git-receive-pack', appName: 'hello' };
    assert.deepEqual(parseGitRoute('/hello.git/info/refs?service=git-receive-pack'), advertise);
    assert.deepEqual(parseGitRoute('/hello/info/refs?service=git-receive-pack'), advertise);
    assert.deepEqual(parseGitRoute('/h-1.git/git-upload-pack'), {
      kind: 'serve',
      service: 'git-upload-pack',
      appName: 'h-1',
    });
  });

  it('is refused in every other form, including the dumb protocol', () => {
    const others = [
      '/hello.git/info/refs',
      '/hello.git/info/refs?service=git-upload-archive',
      '/hello.git/info/refs?service=git-receive-pack&x=1',
      '/hello.git/info/refs?x=1&service=git-receive-pack',
      '/hello.git/info/refs?service=git%2Dreceive-pack',
      '/hello.git/HEAD',
      '/hello.git/objects/info/packs',
      '/hello.git/git-upload-archive',
      '/hello.git/git-receive-pack?x',
      '/hello.git/git-receive-pack/',
      '/hello.git.git/git-receive-pack',
      '/apps/hello.git/git-receive-pack',
      '/hello.git',
      '/',
      '',
      'hello.git/git-receive-pack',
      'http://evil/hello.git/git-receive-pack',
    ];
    for (const url of others) assert.equal(parseGitRoute(url), null, url);
  });

  it('can contain nothing but an app name', () => {
    for (const name of badAppPaths) {
      for (const suffix of ['/info/refs?service=git-receive-pack', '/git-receive-pack', '.git/git-upload-pack']) {
        assert.equal(parseGitRoute(`/${name}${suffix}`), null, `/${name}${suffix}`);
      }
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        const route = parseGitRoute(`/${text}/git-receive-pack`);
        if (route) assert.match(route.appName, /^[a-z][a-z0-9-]{0,29}$/);
      }),
    );
  });

  it('differs from an API request by its path and by its hostname', () => {
    assert.ok(isGitUrl('/hello.git/info/refs?service=git-receive-pack'));
    assert.ok(isGitUrl('/hello/git-upload-pack'));
    assert.ok(isGitUrl('/hello.git/HEAD'));
    for (const url of ['/apps', '/apps/hello/builds', '/account', '/healthz', '/apps/hello?x=/git-receive-pack']) {
      assert.ok(!isGitUrl(url), url);
    }
    assert.ok(isGitHostname('git.localhost', 'localhost'));
    assert.ok(isGitHostname('GIT.example.com:8080', 'example.com'));
    assert.ok(!isGitHostname('git.example.com.evil', 'example.com'));
    assert.ok(!isGitHostname(undefined, 'example.com'));
  });
});

describe('pkt-lines', () => {
  it('are parsed as they were written, with flushes between them', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.uint8Array({ maxLength: 300 }))), (contents) => {
        const data = Buffer.concat(contents.map((content) => (content ? pktLine(Buffer.from(content)) : flushPkt)));
        const read = [...readPktLines(data)].map((line) => line && [...line]);
        assert.deepEqual(
          read,
          contents.map((content) => content && [...content]),
        );
      }),
    );
  });

  it('end at the first invalid byte', () => {
    assert.deepEqual([...readPktLines(Buffer.from('0000zzzz'))], [null]);
    assert.deepEqual([...readPktLines(Buffer.from('00ffshort'))], []);
    fc.assert(fc.property(fc.uint8Array(), (data) => void [...readPktLines(Buffer.from(data))]));
  });
});

describe("the pusher's terminal", () => {
  it('gets colours and text, and no other control sequence', () => {
    assert.deepEqual(visibleLines('\u001b[1;32mgreen\u001b[0m'), ['\u001b[1;32mgreen\u001b[0m']);
    const hostile: Readonly<Record<string, string>> = {
      '\u001b]0;title\u0007x': 'x',
      '\u001b]8;;http://evil\u001b\\link\u001b]8;;\u001b\\': 'link',
      '\u001b]52;c;ZXZpbA==\u0007x': 'x',
      '\u001b[2Jx': 'x',
      '\u001b[1;1Hx': 'x',
      '\u001b[?1049hx': 'x',
      '\u001b[6nx': 'x',
      '\u001bcx': 'x',
      '\u001bP1;2qdata\u001b\\x': 'x',
      '\u001b_app\u001b\\x': 'x',
      '\u009b2Jx': '2Jx',
      'a\u0008\u0007\u0000b': 'ab',
      'x\u202etxt.exe': 'xtxt.exe',
      '\u001b': '',
      '\u001b[': '',
      '\u001b]0;never ended': '',
    };
    for (const [text, shown] of Object.entries(hostile))
      assert.deepEqual(visibleLines(text), [shown], JSON.stringify(text));
  });

  it('never gets a control character but tab and the start of a colour', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const line of visibleLines(`\u001b${text}\u001b[3${text}`)) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject
          assert.doesNotMatch(line.replace(/\u001b\[[0-9;]*m/g, ''), /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
        }
      }),
    );
  });

  it('gets each line of a progress bar as a line', () => {
    assert.deepEqual(visibleLines('10%\r20%\r\ndone\n'), ['10%', '20%', 'done', '']);
  });

  it("gets steps, details and warnings in Heroku's layout", () => {
    const lines: string[] = [];
    const output = new PusherOutput((line) => lines.push(line));
    output.step('Installing');
    output.detail('one\ntwo');
    output.warn('careful');
    assert.deepEqual(lines, ['-----> Installing', '       one', '       two', ' !     careful']);
  });

  it('gets the reason of a refusal and the next step, and for a defect only its log id', () => {
    const lines: string[] = [];
    const output = new PusherOutput((line) => lines.push(line));
    output.refused(new PlatformError('start_failed', 'web.1 crashed.', { hint: 'See: paas logs' }), 'req-1');
    assert.deepEqual(lines, [
      '',
      ' !     web.1 crashed.',
      ' !     See: paas logs',
      ' !',
      ' !     Push rejected, the new version did not start.',
      '',
    ]);
    lines.length = 0;
    const told = { hint: 'Commit the lock file.', inShort: 'failed to compile Node.js app' };
    output.refused(new PlatformError('build_failed', 'There is no lock file.', told), 'req-1');
    assert.deepEqual(lines, ['', ' !     Push rejected, failed to compile Node.js app.', '']);
    lines.length = 0;
    output.refused(new Error('ENOENT /var/lib/secret'), 'req-2');
    assert.ok(lines.some((line) => line.includes('req-2')));
    assert.ok(!lines.join('\n').includes('secret'));
  });
});

describe("the machine's git", () => {
  it('is supported from Debian 12 on', () => {
    assert.deepEqual(parseGitVersion('git version 2.39.5\n'), { version: '2.39.5', isSupported: true });
    assert.equal(parseGitVersion('git version 2.50.1 (Apple Git-155)').isSupported, true);
    assert.equal(parseGitVersion('git version 3.0').isSupported, true);
    assert.equal(parseGitVersion('git version 2.39.4').isSupported, false);
    assert.equal(parseGitVersion('git version 2.9.9').isSupported, false);
    assert.equal(parseGitVersion('git version 1.99.99').isSupported, false);
    assert.throws(() => parseGitVersion('svn, version 1.14'), { code: 'unavailable' });
  });
});
