import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hostApt, sourceLines } from '../../src/builder/stack/host-apt.ts';
import { stackRecipe } from '../../src/builder/stack/recipe.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-apt-'));
after(() => rmSync(root, { recursive: true, force: true }));

function etcWith(files: Readonly<Record<string, string>>): string {
  const etc = mkdtempSync(join(root, 'etc-'));
  mkdirSync(join(etc, 'apt/sources.list.d'), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(etc, path), text);
  return etc;
}

const bookworm = { 'os-release': 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_CODENAME=bookworm\n' };
const publicLines = sourceLines(hostApt('', etcWith({})), 'trixie');

test('a stack is identified by its content: suite, kind and packages', () => {
  const tags = [stackRecipe('run', 'trixie'), stackRecipe('build', 'trixie'), stackRecipe('run', 'bookworm')].map(
    (r) => r.tag,
  );
  assert.equal(new Set(tags).size, 3);
  assert.equal(stackRecipe('run', 'trixie').tag, tags[0]);
  assert.match(tags[0] ?? '', /^paas\/run:[0-9a-f]{12}$/);
});

test('the build stack contains everything of the run stack', () => {
  const build = new Set(stackRecipe('build', 'trixie').packages);
  assert.deepEqual(
    stackRecipe('run', 'trixie').packages.filter((name) => !build.has(name)),
    [],
  );
});

test("packages come from the host's mirror", () => {
  const modern = etcWith({
    ...bookworm,
    'apt/sources.list.d/debian.sources':
      'Types: deb\n# a comment\nURIs: http://mirror.example/debian/\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nTypes: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security\nComponents: main\n',
  });
  assert.deepEqual(sourceLines(hostApt('', modern), 'trixie'), [
    'deb http://mirror.example/debian trixie main',
    'deb http://mirror.example/debian trixie-updates main',
    'deb http://mirror.example/security trixie-security main',
  ]);
  const oneLine = etcWith({
    ...bookworm,
    'apt/sources.list':
      '# deb http://old.example/debian bookworm main\ndeb-src http://src.example/debian bookworm main\ndeb [arch=amd64] https://mirror.example/d bookworm main contrib # ours\n',
  });
  assert.equal(sourceLines(hostApt('', oneLine), 'sid')[0], 'deb https://mirror.example/d sid main');
});

test('a third-party repository for Debian is not mistaken for a mirror', () => {
  const etc = etcWith({
    ...bookworm,
    'apt/sources.list.d/vendor.list':
      'deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example/debian bookworm main\ndeb https://other.example/debian bookworm stable\n',
    'apt/sources.list.d/off.sources':
      'Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n',
    'apt/sources.list.d/media.list': 'deb cdrom:[Debian]/ bookworm main\n',
  });
  assert.deepEqual(sourceLines(hostApt('', etc), 'trixie'), publicLines);
});

test('the mirrors of an Ubuntu host are not used for Debian', () => {
  const etc = etcWith({
    'os-release': 'ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n',
    'apt/sources.list': 'deb http://archive.example/ubuntu noble main\n',
  });
  assert.deepEqual(sourceLines(hostApt('', etc), 'trixie'), publicLines);
});

test('only the network settings of the host’s apt are used', () => {
  const dump = [
    'APT::Install-Recommends "1";',
    'Acquire::Languages:: "none";',
    'Acquire::http::Proxy "http://user:secret@proxy.example:3128";',
    'Acquire::https::CAInfo "/etc/ssl/own.pem";',
    'Acquire::http::Proxy::local.example "DIRECT";',
    'Acquire::Check-Valid-Until "false";',
    'Acquire::http "";',
    'DPkg::Post-Invoke:: "rm -rf /";',
  ].join('\n');
  assert.deepEqual(hostApt(dump, etcWith({})).options, [
    'Acquire::http::Proxy "http://user:secret@proxy.example:3128";',
    'Acquire::https::CAInfo "/etc/ssl/own.pem";',
    'Acquire::http::Proxy::local.example "DIRECT";',
    'Acquire::Check-Valid-Until "false";',
  ]);
});

test('an existing keyring is named, so that gpg is not needed', () => {
  const apt = hostApt('', etcWith({}));
  assert.match(sourceLines(apt, 'trixie', '/k.gpg')[0] ?? '', /^deb \[signed-by=\/k\.gpg\] http/);
});
