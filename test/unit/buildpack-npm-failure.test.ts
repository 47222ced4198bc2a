import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

const library = resolve(import.meta.dirname, '../../buildpacks/nodejs/lib');
const script = `
set -euo pipefail
source ${library}/output.sh; source ${library}/npm-failure.sh; source ${library}/script-failure.sh
work=. app_dir=/app platform_dir=. lock_file=package-lock.json node_version=24.0.0 npm_config_registry=https://packages.example/
choose_registry
echo "registry: \${npm_config_registry:-none}"
explain_npm_failure`;

interface Failed {
  readonly log: string;
  readonly npmrc?: string;
  readonly lock?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What the pusher reads after npm's own output. */
async function explained({ log, npmrc = '', lock = '{}', env = {} }: Failed): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'paas-npm-failure-'));
  try {
    await mkdir(join(directory, 'env'));
    await writeFile(join(directory, 'npm.log'), log.replace(/^(?!npm )/gm, 'npm error '));
    await writeFile(join(directory, '.npmrc'), npmrc);
    await writeFile(join(directory, 'package-lock.json'), lock);
    const options = { cwd: directory, env: { PATH: process.env.PATH ?? '', ...env } };
    const ended = await promisify(execFile)('bash', ['--norc', '-c', script], options).catch((error) => error);
    assert.equal(ended.code, 1, ended.stderr);
    assert.equal(ended.stderr, '');
    return ended.stdout;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const acme = '@acme:registry=https://npm.acme.example/js/\n//npm.acme.example/js/:_authToken=${NPM_TOKEN}\n';
const secret = { NPM_TOKEN: 'npm_s3cret-value' };
const get = 'GET https://npm.acme.example/js/@acme%2fui - x';
const lost = 'request to https://npm.acme.example/js/@acme%2fui failed, reason: getaddrinfo ENOTFOUND npm.acme.example';

const scriptOf = (folder: string, command: string, ...says: readonly string[]) =>
  ['code 1', `path ${folder}`, 'command failed', `command sh -c ${command}`, ...says].join('\n');

describe('a push that npm failed for is told', () => {
  const cases: readonly (readonly [string, Failed, RegExp])[] = [
    [
      'the registry that does not answer, where it is named, and the variable that is not set',
      { log: `code ENOTFOUND\nnetwork ${lost}`, npmrc: acme },
      /registry npm\.acme\.example did not answer \(ENOTFOUND\).*@acme:registry in \.npmrc.*NPM_TOKEN is not set: paas config:set NPM_TOKEN=…/s,
    ],
    [
      'the address to look at when every variable is set',
      { log: `code ENOTFOUND\nnetwork ${lost}`, npmrc: acme, env: secret },
      /The builds must be able to reach npm\.acme\.example/,
    ],
    [
      'that of a lock file',
      {
        log: 'code ECONNREFUSED\nFetchError: request to https://u:p4ss@old.example/a/-/a-1.0.0.tgz failed, reason: connect',
        lock: '{"resolved":"https://u:p4ss@old.example/a/-/a-1.0.0.tgz","x":"https://old.example/"}',
      },
      /old\.example did not answer \(ECONNREFUSED\).*"resolved" in package-lock\.json/s,
    ],
    [
      'that of the variable in an address',
      {
        log: 'code ENOTFOUND\nrequest to https://${acme_host}/@acme%2fui failed, reason: getaddrinfo ENOTFOUND ${acme_host}',
        npmrc: '\ufeff@acme:registry=https://${ACME_HOST}/\r\n',
      },
      /ACME_HOST is not set: paas config:set ACME_HOST=…/,
    ],
    [
      'the variable that is the whole address',
      { log: 'code ERR_INVALID_URL\nInvalid URL', npmrc: '; ${OLD}\nregistry = ${ACME_REGISTRY}\n' },
      /not a URL.*ACME_REGISTRY is not set/s,
    ],
    [
      'the token that is not set for a refused login',
      { log: `code E401\n401 Unauthorized - ${get}`, npmrc: acme },
      /npm\.acme\.example refuses the login for @acme\/ui \(401\).*NPM_TOKEN is not set: paas config:set NPM_TOKEN=…/s,
    ],
    [
      'that the token does not do',
      { log: `code E403\n403 403 Forbidden - ${get}`, npmrc: acme, env: secret },
      /\(403\).*The login in NPM_TOKEN may have ended/s,
    ],
    [
      'how to give a token',
      { log: `code E401\n401 Unauthorized - ${get}`, npmrc: '@acme:registry=https://npm.acme.example/js/' },
      /Give a login: \/\/npm\.acme\.example\/:_authToken=\$\{NPM_TOKEN\} in \.npmrc/,
    ],
    [
      'of a package that is hidden without a token',
      { log: `code E404\n404 Not Found - ${get}`, npmrc: acme },
      /@acme\/ui is not in the registry npm\.acme\.example, or is private.*NPM_TOKEN is not set/s,
    ],
    [
      'how to name the registry of a scope',
      { log: 'code E404\n404 Not Found - GET https://packages.example/@acme%2fui' },
      /@acme\/ui is not in the npm registry.*@acme:registry=https/s,
    ],
    [
      'the certificate that is not accepted, by an older npm',
      { log: `x\nnpm ERR! code SELF_SIGNED_CERT_IN_CHAIN\nnpm ERR! ${lost}`, npmrc: acme },
      /certificate of npm\.acme\.example is not accepted \(SELF_SIGNED_CERT_IN_CHAIN\)/,
    ],
    [
      'the registry that answers with an error',
      {
        log: 'code E503\n503 Service Unavailable - GET https://npm.acme.example/ui',
        npmrc: 'registry=https://npm.acme.example/',
      },
      /registry: none.*npm\.acme\.example answered with an error \(E503\).*registry in \.npmrc/s,
    ],
    [
      "nothing about its source when the platform's registry does not answer",
      {
        log: 'code ETIMEDOUT\nrequest to https://packages.example/ms failed, reason: x',
        npmrc: `registry=https://registry.${'npmjs'}.org/`,
      },
      /registry: https:\/\/packages\.example\/.*The npm registry did not answer.*not about your source/s,
    ],
    [
      'the script of its own that failed, and the host that it could not reach',
      {
        log: scriptOf('/app', 'prisma generate', 'request to https://binaries.example/x failed, reason: getaddrinfo x'),
      },
      /An install script of your package\.json failed \(above\)\. It runs: prisma generate.*It asks binaries\.example/s,
    ],
    [
      'the package whose script failed, whatever else the script says',
      {
        log: scriptOf(
          '/app/node_modules/@acme/ui',
          'node fetch.js',
          'code E404\n404 Not Found - GET https://x.example/y',
        ),
      },
      /An install script of @acme\/ui failed \(above\)\. It runs: node fetch\.js/,
    ],
    [
      'the native module that did not compile, and what the stack lacks',
      {
        log: scriptOf(
          '/app/node_modules/canvas',
          'node-pre-gyp install --fallback-to-build',
          'install request to https://code.example/c.tgz failed, reason: getaddrinfo ENOTFOUND code.example',
          'Package pixman-1 was not found in the pkg-config search path.',
          'gyp ERR! not ok',
        ),
      },
      /native module of canvas did not compile.*could not be fetched.*code\.example.*It did not find pixman-1\. What the stack lacks, a Dockerfile/s,
    ],
    [
      'that a native module could not be fetched compiled either',
      { log: scriptOf('/app/packages/a', 'node-gyp rebuild', 'getaddrinfo EAI_AGAIN code.example', 'gyp ERR! not ok') },
      /native module of packages\/a did not compile.*not support Node\.js 24\.0\.0.*builds cannot reach code\.example/s,
    ],
    [
      'the program that a script lacks',
      { log: `ERR! OMG CMake executable is not found.\n${scriptOf('/app', 'cmake-js compile')}` },
      /runs: cmake-js compile.*It did not find cmake/s,
    ],
    [
      'the older node-gyp that does not work with the Python of the stack',
      {
        log: scriptOf(
          '/app/node_modules/sqlite3',
          'node-gyp rebuild',
          "ModuleNotFoundError: No module named 'distutils'\ngyp ERR! not ok",
        ),
      },
      /module of sqlite3 did not compile.*older than version 10.*"overrides": \{ "node-gyp"/s,
    ],
    [
      'the repository that git could not fetch',
      {
        log: 'code 128\nAn unknown git error occurred\ncommand git --no-replace-objects ls-remote ssh://git:p4ss@code.example/a.git\nfatal: x',
      },
      /The git repository ssh:\/\/code\.example\/a\.git could not be fetched.*no ssh key/s,
    ],
  ];
  for (const [what, failed, expected] of cases) {
    test(what, async () => {
      const text = await explained(failed);
      assert.match(text, expected);
      assert.doesNotMatch(text, /s3cret|p4ss/);
    });
  }
});
