import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { CliUser } from '../support/cli.ts';

/**
 * A platform as small as the demo can tell: an API that makes one app, git's own server behind a password, and the
 * app's address, which shows what was pushed.
 */
async function smallPlatform(folder: string, token: string) {
  const made: string[] = [];
  const passwords = new Set<string>();
  const bare = (app: string) => join(folder, `${app}.git`);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://x');
    if (request.headers.authorization === `Bearer ${token}` && url.pathname === '/account') {
      return void response.end(JSON.stringify({ email: 'ada@example.com' }));
    }
    if (request.method === 'POST' && url.pathname === '/apps') {
      const name = `calm-river-${made.push('') + 41}`;
      execFileSync('git', ['init', '-q', '--bare', '-b', 'main', bare(name)]);
      execFileSync('git', ['-C', bare(name), 'config', 'http.receivepack', 'true']);
      const app = { name, git_url: `${origin()}/${name}.git`, web_url: siteOf(name) };
      return void response.writeHead(201).end(JSON.stringify(app));
    }
    const site = /^([\w-]+)\.localhost:/.exec(request.headers.host ?? '')?.[1];
    if (site) {
      const { stdout } = await promisify(execFile)('git', ['-C', bare(site), 'show', 'main:Procfile']);
      return void response.end(`It runs ${stdout}`);
    }
    const password = Buffer.from(request.headers.authorization?.split(' ')[1] ?? '', 'base64')
      .toString()
      .split(':')[1];
    if (password === undefined) {
      return void response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
    }
    passwords.add(password);
    gitBackend(request, response, url);
  }

  function gitBackend(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: user.env.PATH,
        GIT_PROJECT_ROOT: folder,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method,
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers['content-type'],
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
        REMOTE_USER: 'ada',
      },
    });
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk) => chunks.push(chunk));
    backend.on('close', () => {
      const output = Buffer.concat(chunks);
      const end = output.indexOf('\r\n\r\n');
      for (const line of output.subarray(0, end).toString().split('\r\n')) {
        const [name = '', value = ''] = line.split(': ');
        if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.end(output.subarray(end + 4));
    });
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  /** A name that this machine's DNS need not know. */
  const siteOf = (app: string) => `http://${app}.localhost:${(server.address() as AddressInfo).port}/`;
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: origin(),
    siteOf,
    passwords,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

let user: CliUser;
let platform: Awaited<ReturnType<typeof smallPlatform>>;

before(async () => {
  user = await CliUser.create();
  platform = await smallPlatform(user.home, 'pp_demo');
  user.logIn(platform.url, 'pp_demo');
});

after(async () => {
  await platform[Symbol.asyncDispose]();
  await user[Symbol.asyncDispose]();
});

test('the demo writes an app, pushes it with git, shows the answer, and shows the command of each step', async () => {
  const { code, stdout, stderr } = await user.paas(['demo']);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${platform.siteOf('calm-river-42')}\n`);
  const typed = stderr.split('\n').filter((line) => line.startsWith('$ ') && !line.startsWith('$ alias'));
  assert.deepEqual(typed, [
    '$ mkdir -p paas-demo && cd paas-demo',
    '$ git init -q -b main',
    '$ git add .',
    ...typed.filter((line) => line.startsWith('$ git config user.')),
    "$ git commit -q -m 'A first version'",
    '$ paas create calm-river-42',
    '$ git push paas main',
    `$ curl ${platform.siteOf('calm-river-42')}`,
  ]);
  assert.match(stderr, /\nIt runs web: node server\.js\n/);
  assert.deepEqual([...platform.passwords], ['pp_demo'], 'git sent the token, and asked nobody');
  const files = await readdir(join(user.home, 'paas-demo'));
  assert.deepEqual(files.sort(), ['.git', 'Procfile', 'package-lock.json', 'package.json', 'server.js']);
});

test('the sample app listens on PORT and ends on SIGTERM', async () => {
  const folder = join(user.home, 'paas-demo');
  const app = spawn(process.execPath, ['server.js'], {
    cwd: folder,
    env: { PORT: '0', DYNO: 'web.1', GREETING: 'Hi.' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(app.stdout, 'data');
  const port = /port (\d+)/.exec(String(line))?.[1];
  const body = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.match(body, /^Hi\. This is web\.1, on Node\.js v\d+/);
  app.kill('SIGTERM');
  const [code] = await once(app, 'exit');
  assert.equal(code, 0);
});

test('a second demo uses another folder, and a folder with files is left alone', async () => {
  const second = await user.paas(['demo', '--json']);
  assert.deepEqual(JSON.parse(second.stdout), {
    app: 'calm-river-43',
    folder: join(user.home, 'paas-demo-2'),
    url: platform.siteOf('calm-river-43'),
    answer: 'It runs web: node server.js\n',
  });
  await writeFile(join(user.home, 'paas-demo', 'mine.txt'), 'mine');
  const { code, stderr } = await user.paas(['demo', 'paas-demo']);
  assert.equal(code, 2);
  assert.match(stderr, /paas-demo is not empty\./);
});

test('a platform that does not answer is noticed before any file is written', async () => {
  const { code } = await user.paas(['demo', 'never'], { env: { PAAS_API: 'http://127.0.0.1:1', PAAS_TOKEN: 'x' } });
  assert.equal(code, 1);
  assert.ok(!(await readdir(user.home)).includes('never'));
});
