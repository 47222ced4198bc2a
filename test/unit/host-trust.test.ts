import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { caBundlePath, hostTrust } from '../../src/builder/host-trust.ts';

const home = mkdtempSync(join(tmpdir(), 'paas-trust-'));
after(() => rmSync(home, { recursive: true, force: true }));

const ownAuthority = '-----BEGIN CERTIFICATE-----\nb3Vycw==\n-----END CERTIFICATE-----';
const bundle = join(home, 'own.pem');
writeFileSync(bundle, ownAuthority);

test('a certificate authority that only the host’s Node trusts is in the bundle for builds', () => {
  const trust = hostTrust({ HOME: home, NODE_EXTRA_CA_CERTS: bundle });
  assert.ok(trust.caBundle?.toString().includes(ownAuthority));
  for (const name of ['NODE_EXTRA_CA_CERTS', 'npm_config_cafile', 'SSL_CERT_FILE', 'PIP_CERT', 'GIT_SSL_CAINFO']) {
    assert.equal(trust.env[name], caBundlePath, `${name} names the file inside the build, not the host's`);
  }
});

test('a bundle that is named twice is used once', () => {
  const trust = hostTrust({ HOME: home, NODE_EXTRA_CA_CERTS: bundle, SSL_CERT_FILE: bundle, CURL_CA_BUNDLE: bundle });
  assert.equal(trust.caBundle?.toString().split(ownAuthority).length, 2);
});

test('builds get a proxy in both spellings, from the environment or from npm’s settings', () => {
  const named = hostTrust({ HOME: home, HTTPS_PROXY: 'http://proxy.example:3128', no_proxy: 'localhost' }).env;
  assert.equal(named.https_proxy, 'http://proxy.example:3128');
  assert.equal(named.HTTPS_PROXY, 'http://proxy.example:3128');
  assert.equal(named.NO_PROXY, 'localhost');
  const user = mkdtempSync(join(home, 'user-'));
  writeFileSync(join(user, '.npmrc'), 'proxy = http://npm.example:8080\nnoproxy=null\n');
  const fromNpm = hostTrust({ HOME: user }).env;
  assert.equal(fromNpm.HTTP_PROXY, 'http://npm.example:8080');
  assert.equal(fromNpm.https_proxy, 'http://npm.example:8080');
  assert.equal(fromNpm.NO_PROXY, undefined);
});

test('builds get the mirrors of npm, pip and Go, but no tokens', () => {
  const user = mkdtempSync(join(home, 'user-'));
  mkdirSync(join(user, '.config/pip'), { recursive: true });
  mkdirSync(join(user, '.config/go'), { recursive: true });
  writeFileSync(join(user, '.npmrc'), 'registry=https://npm.example/\n//npm.example/:_authToken=hush\n');
  writeFileSync(join(user, '.config/pip/pip.conf'), '[global]\nindex-url = https://pip.example/simple\n');
  writeFileSync(join(user, '.config/go/env'), 'GOPROXY=https://go.example\n');
  const { env } = hostTrust({ HOME: user, NPM_TOKEN: 'hush', GOFLAGS: '-mod=mod' });
  assert.equal(env.npm_config_registry, 'https://npm.example/');
  assert.equal(env.PIP_INDEX_URL, 'https://pip.example/simple');
  assert.equal(env.GOPROXY, 'https://go.example');
  assert.equal(env.GOFLAGS, '-mod=mod');
  assert.ok(!JSON.stringify(env).includes('hush'));
});

test('an environment variable takes precedence over a file', () => {
  const user = mkdtempSync(join(home, 'user-'));
  writeFileSync(join(user, '.npmrc'), 'registry=https://file.example/\n');
  assert.equal(
    hostTrust({ HOME: user, npm_config_registry: 'https://env.example/' }).env.npm_config_registry,
    'https://env.example/',
  );
});
