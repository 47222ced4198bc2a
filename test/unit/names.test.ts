import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAppName } from '../../src/domain/app.ts';
import { looksLikeDomain, wildcardsOver } from '../../src/domain/hostname-relation.ts';
import { parseHostname } from '../../src/domain/route.ts';
import { isPublicSuffix } from '../../src/operations/public-suffix.ts';

describe('names of apps', () => {
  const sought =
    'wpad autodiscover mail login auth admin status registry metrics ns1 ns2 ns9 ns10 ns www www2 ftp smtp imap pop pop3 mx ' +
    'mx1 dns sso oauth oauth2 id account accounts billing support security postmaster hostmaster webmaster isatap autoconfig ' +
    'mta-sts openpgpkey abuse noc administrator root no-reply sign-in signin log-in sign-up mailer-daemon dmarc local internal ' +
    'status info sales marketing usenet news uucp console portal webmail proxy vpn ssh time ntp acme-challenge password';

  test('that people and programs look for are free only for whom they were allowed', () => {
    for (const name of new Set(sought.split(' '))) {
      const refused = {
        code: 'invalid_params',
        message: /administrator/,
        hint: new RegExp(`paas names:allow ${name}$`),
      };
      assert.throws(() => parseAppName(name), refused, name);
      assert.equal(parseAppName(name, true), name);
    }
  });

  test('in other letters are free only for whom they were allowed', () => {
    for (const name of ['xn--bcher-kva', 'xn--a', 'xn--pple-43d', 'xn--80ak6aa92e']) {
      assert.throws(() => parseAppName(name), { message: /letters other than a-z/ }, name);
      assert.equal(parseAppName(name, true), name);
    }
    for (const name of ['xn-', 'XN--a', 'xn--a-']) assert.throws(() => parseAppName(name, true), /app name/, name);
  });

  test("that are the platform's own are free for nobody", () => {
    for (const name of ['api', 'git', 'dashboard', 'localhost', 'paas', 'constructor'])
      assert.throws(() => parseAppName(name, true), { message: /uses itself/ }, name);
  });

  test('that only contain such a word are free', () => {
    const free =
      'mailer shop-admin statuspage my-login nsx adminer authors idea supporters wwwx ftpx newsroom web blog docs app';
    for (const name of free.split(' ')) assert.equal(parseAppName(name), name);
    for (const name of ['my--shop', 'xnn--a', 'a-xn--b']) assert.equal(parseAppName(name), name);
  });
});

describe('hostnames', () => {
  test('in other letters that look like the platform are found, and others are not', () => {
    const like = (hostname: string, domain = 'apps.example.com') => looksLikeDomain(parseHostname(hostname), domain);
    for (const hostname of [
      'apps.exаmple.com',
      'login.apps.exаmple.com',
      '*.apps.exаmple.com',
      'exаmple.com',
      'shop.exámple.com',
      'аррѕ.example.com',
      'apps.еxample.cоm',
      'ехамрӏе.com',
    ])
      assert.ok(like(hostname), hostname);
    for (const hostname of ['bücher.example', 'münchen.com', 'exámple.org', 'shop.bücher.com', 'www.example.com'])
      assert.ok(!like(hostname), hostname);
    assert.ok(like('shop.lоcalhost.', 'localhost'));
    assert.ok(!like('bücher.de', 'localhost'));
  });

  test('are under the wildcards of all their parents, and of themselves', () => {
    assert.deepEqual(wildcardsOver('a.example.com'), ['*.a.example.com', '*.example.com', '*.com']);
    assert.deepEqual(wildcardsOver('*.example.com'), ['*.example.com', '*.com']);
  });

  test('below which everybody may register are known by the Public Suffix List', async () => {
    for (const name of ['com', 'co.uk', 'github.io', 'ck', 'kawasaki.jp', 'lan', 'herokuapp.com', 'xn--p1ai'])
      assert.equal(await isPublicSuffix(name), true, name);
    for (const name of ['example.com', 'example.co.uk', 'ada.github.io', 'www.ck', 'nas.lan'])
      assert.equal(await isPublicSuffix(name), false, name);
  });
});
