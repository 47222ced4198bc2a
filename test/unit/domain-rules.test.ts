import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAppName } from '../../src/domain/app.ts';
import { checkConfigVars, configVarLimits } from '../../src/domain/config-vars.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { parseSize, sizeText } from '../../src/domain/instance-size.ts';
import { parseProcfile } from '../../src/domain/procfile.ts';
import { isReservedHostname, parseHostname } from '../../src/domain/route.ts';

const refused = (code: string, pattern: RegExp) => (error: unknown) =>
  error instanceof PlatformError && error.code === code && pattern.test(error.message);

describe('an app name', () => {
  it('has letters, digits and dashes', () => {
    for (const name of ['a', 'hello', 'my-shop-2', 'a'.repeat(30)]) assert.equal(parseAppName(name), name);
  });

  it('is refused when it has a meaning for a shell, a path, a hostname or an object', () => {
    const bad = [
      '',
      'app;id',
      'app`w`',
      'app\ncmd',
      '-app',
      '.app',
      'app~',
      'äpp',
      'app\0',
      'a'.repeat(31),
      '__proto__',
      'App',
      'app-',
      'a b',
      'a/b',
      '../a',
      'a.b',
      '1app',
      'app$(id)',
      'app|x',
      'app&',
      "app'",
      'app"',
      'app<',
      'app%0a',
      'app\r',
      'a_b',
      'api',
      'git',
      'dashboard',
    ];
    for (const name of bad)
      assert.throws(() => parseAppName(name), refused('invalid_params', /app name|uses itself/), JSON.stringify(name));
  });
});

describe('a Procfile', () => {
  it('lists types in order, with CRLF, comments, blank lines and a byte order mark', () => {
    const procfile = parseProcfile(
      '\uFEFF# processes\r\nweb: node server.js --port $PORT\r\n\r\nworker:  bundle exec "x: y" # note \n',
    );
    assert.deepEqual(
      [...procfile],
      [
        ['web', 'node server.js --port $PORT'],
        ['worker', 'bundle exec "x: y" # note'],
      ],
    );
  });

  it('with a wrong line is refused with the number of the line', () => {
    assert.throws(
      () => parseProcfile('web: x\n\nthis is not one\n'),
      refused('invalid_params', /^Procfile line 3 .*this is not one/),
    );
    assert.throws(
      () => parseProcfile('web: x\nweb: y\n'),
      refused('invalid_params', /line 2 declares web a second time/),
    );
    for (const line of ['web:', 'web', ': x', 'we b: x', '-x: y', 'web node'])
      assert.throws(() => parseProcfile(line), refused('invalid_params', /line 1/), line);
  });

  it('of any text is parsed or refused', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        try {
          parseProcfile(text);
        } catch (error) {
          assert.ok(error instanceof PlatformError);
        }
      }),
    );
  });
});

describe('config vars', () => {
  it('are accepted at each limit and refused just above it', () => {
    const { valueBytes, count, nameLength } = configVarLimits;
    checkConfigVars({ A: 'x'.repeat(valueBytes) });
    assert.throws(
      () => checkConfigVars({ A: 'x'.repeat(valueBytes + 1) }),
      refused('too_large', /65537 bytes, and 65536/),
    );
    checkConfigVars(Object.fromEntries(Array.from({ length: count }, (_, i) => [`A${i}`, ''])));
    assert.throws(
      () => checkConfigVars(Object.fromEntries(Array.from({ length: count + 1 }, (_, i) => [`A${i}`, '']))),
      refused('too_large', /1001/),
    );
    checkConfigVars({ ['A'.repeat(nameLength)]: '' });
    assert.throws(
      () => checkConfigVars({ ['A'.repeat(nameLength + 1)]: '' }),
      refused('invalid_params', /not a config var name/),
    );
    const five = Object.fromEntries(['A', 'B', 'C', 'D', 'E'].map((name) => [name, 'x'.repeat(60_000)]));
    assert.throws(() => checkConfigVars(five), refused('too_large', /together/));
  });

  it('never show a value in an error', () => {
    assert.throws(
      () => checkConfigVars({ A: 'secret\0' }),
      (error: unknown) => error instanceof PlatformError && !error.message.includes('secret'),
    );
  });
});

describe('an instance size', () => {
  it('is given in cloudlets or in memory', () => {
    assert.deepEqual(
      ['4', '4c', '512M', '1G', '100m', '1-8', ' 2C-1g ', '128M-1G', '1-512', '3-3'].map((text) => parseSize(text)),
      [
        ...[4, 4, 4, 8, 1].map((both) => ({ reserved: both, limit: both })),
        ...[
          [1, 8],
          [2, 8],
          [1, 8],
          [1, 512],
          [3, 3],
        ].map(([reserved, limit]) => ({ reserved, limit })),
      ],
    );
    const none = ['0', '-1', '1.5G', '9999', 'big', '', '4x', '1-', '-', '1--4', '1-4-8', '0-4', '1-513', '600-4'];
    for (const text of [...none, '1_4', '1:4', '1 - 4', '１-４', 'standard-1x', '8-1', '1G-512M'])
      assert.throws(() => parseSize(text), refused('invalid_params', /instance size/), text);
    assert.throws(() => parseSize('8-1'), {
      message: /8 reserved cloudlets are more than its limit of 1/,
      hint: /1-8/,
    });
  });

  it('is written as it is read', () => {
    for (const text of ['1-4', '4', '512', '1-512']) assert.equal(sizeText(parseSize(text)), text);
  });
});

describe('a hostname', () => {
  it('becomes lower case, loses its last dot, and may start with one wildcard', () => {
    assert.deepEqual(['WWW.Example.COM.', '*.example.com'].map(parseHostname), ['www.example.com', '*.example.com']);
  });

  it('may be in any script, and is stored as DNS has it', () => {
    const written = ['bücher.example', '*.BÜCHER.example', '例え.テスト', 'faß.de', 'www。example。com'];
    assert.deepEqual(written.map(parseHostname), [
      'xn--bcher-kva.example',
      '*.xn--bcher-kva.example',
      'xn--r8jz45g.xn--zckzah',
      'xn--fa-hia.de',
      'www.example.com',
    ]);
  });

  it('is refused when it is invalid', () => {
    for (const name of [
      '',
      'bücher',
      'bücher.example/a',
      'ü@example.com',
      'ü.example:80',
      '１２７.0.0.1',
      'example',
      'a..b',
      '-a.com',
      'a-.com',
      '1.2.3.4',
      'a.com:80',
      'a b.com',
      'a.*.com',
      'exa_mple.com',
      `${'a'.repeat(64)}.com`,
      'http://a.com',
    ]) {
      assert.throws(() => parseHostname(name), refused('invalid_params', /not a hostname/), name);
    }
  });
});

describe('the platform’s own hostnames', () => {
  it('are its domain, all names below it, and their wildcard', () => {
    for (const own of ['apps.example.com', 'shop.apps.example.com', 'git.apps.example.com', '*.example.com']) {
      assert.ok(isReservedHostname(own, 'apps.example.com'), own);
    }
    for (const free of ['www.example.com', 'example.com', '*.www.example.com', 'badapps.example.com', '*.shop.com']) {
      assert.ok(!isReservedHostname(free, 'apps.example.com'), free);
    }
    assert.ok(isReservedHostname('*.localhost', 'localhost'));
  });
});
