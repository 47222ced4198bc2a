import { lookup } from 'node:dns/promises';
import { access, constants, statfs } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { PlatformError } from '../domain/errors.ts';
import type { Answer, ApiClient } from './client.ts';
import { gitVersion } from './git.ts';
import { type Http, isLocalhostName, isLoopback, readText } from './http.ts';
import type { Session } from './session.ts';

/** One line of `paas doctor`, of the form that the platform gives its own in. */
export type Check = Answer<'GET /platform/status'>['checks'][number];

const probeTimeoutMs = 10_000;
/** Log lines of two machines cannot be told apart in time, and TLS certificates fail, when clocks differ more. */
const clockSkewMs = { warning: 5_000, failed: 60_000 } as const;
/** Protocol v2 is git's own default from here on. */
const oldestGit = [2, 26] as const;

function ok(name: string, message: string): Check {
  return { name, state: 'ok', message, fix: null };
}

/** What can be seen of the platform: that it answers, whom it takes us for, and what it says about itself. */
export async function checkPlatform(session: Session): Promise<readonly Check[]> {
  const { apiUrl } = session.platform();
  const http = await session.http();
  const reached = await checkApi(http, new URL(apiUrl), session);
  if (!reached.answers) return [...reached.checks, ...(await checkEmptyMachine(new URL(apiUrl)))];
  try {
    const api = await session.api();
    const account = await api.call('GET /account');
    const status = await api.call('GET /platform/status');
    return [
      ...reached.checks,
      ok('login', account.email),
      ...status.checks,
      await checkNames(status.domain),
      ...(await checkFrontDoor(api, http, session)),
    ];
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const name = error.code === 'unauthorized' ? 'login' : 'platform';
    return [...reached.checks, { name, state: 'failed', message: error.message, fix: error.hint ?? null }];
  }
}

/** What a person needs on this machine, whatever the platform. */
export async function checkHere(session: Session): Promise<readonly Check[]> {
  return [await checkGit(session)];
}

async function checkGit(session: Session): Promise<Check> {
  const version = await gitVersion(session.io).catch(() => null);
  if (version === null) {
    return { name: 'git here', state: 'failed', message: 'not found', fix: 'Install it: apt-get install git' };
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestGit;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return ok('git here', version);
  return {
    name: 'git here',
    state: 'warning',
    message: `${version} is old`,
    fix: `Use ${oldestGit.join('.')} or newer.`,
  };
}

interface Reached {
  readonly answers: boolean;
  readonly checks: readonly Check[];
}

async function checkApi(http: Http, url: URL, session: Session): Promise<Reached> {
  const failed = (message: string, fix: string): Reached => ({
    answers: false,
    checks: [{ name: 'API', state: 'failed', message, fix }],
  });
  const sentAt = session.io.now().getTime();
  try {
    const response = await http.send({
      method: 'GET',
      url: new URL(`${url.pathname.replace(/\/$/, '')}/healthz`, url),
      timeoutMs: probeTimeoutMs,
      signal: session.io.signal,
    });
    const body = await readText(response);
    if (!isHealth(body)) return failed(`Something else answers at ${url.origin}`, otherPort(url));
    return {
      answers: true,
      checks: [
        ok('API', `answers at ${url.origin}`),
        ...checkClock(response.headers.date, sentAt, session.io.now().getTime()),
      ],
    };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const fix = isLoopback(url.hostname)
      ? 'Start the platform: npm start'
      : 'Name the right address: --api URL or PAAS_API';
    return failed(error.message, fix);
  }
}

function isHealth(body: string): boolean {
  try {
    return typeof (JSON.parse(body) as { versions?: unknown }).versions === 'object';
  } catch {
    return false;
  }
}

function otherPort(url: URL): string {
  return isLoopback(url.hostname)
    ? `Stop it, or start the platform with another PAAS_API_PORT than ${url.port}.`
    : 'Name the right address: --api URL or PAAS_API';
}

/** The server's Date is whole seconds old, and the way takes time: both are forgiven. */
function checkClock(date: string | undefined, sentAtMs: number, receivedAtMs: number): readonly Check[] {
  const there = Date.parse(date ?? '');
  if (Number.isNaN(there)) return [];
  const aheadMs = Math.max(0, sentAtMs - (there + 1000));
  const behindMs = Math.max(0, there - receivedAtMs);
  const skewMs = Math.max(aheadMs, behindMs);
  if (skewMs < clockSkewMs.warning) return [ok('clock', "agrees with the platform's")];
  return [
    {
      name: 'clock',
      state: skewMs < clockSkewMs.failed ? 'warning' : 'failed',
      message: `this machine is ${Math.round(skewMs / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the platform`,
      fix: 'Set the clock of the wrong one, for example: timedatectl set-ntp true',
    },
  ];
}

/** Whether a name that no app has yet would find the platform. */
async function checkNames(domain: string): Promise<Check> {
  const name = 'name resolution';
  const probe = `any-app.${domain}`;
  const addresses = await lookup(probe, { all: true }).catch(() => []);
  const found = addresses.map(({ address }) => address);
  if (isLocalhostName(domain)) {
    if (found.some((address) => /^127\.|^::1$/.test(address))) return ok(name, `*.${domain} is this machine`);
    return {
      name,
      state: 'warning',
      message: `git, curl and browsers know *.${domain} by themselves, other programs here do not`,
      fix: 'For those: apt-get install libnss-myhostname, or send the Host header to 127.0.0.1.',
    };
  }
  if (found.length > 0) return ok(name, `*.${domain} is ${found.join(', ')}`);
  return {
    name,
    state: 'failed',
    message: `${probe} has no address`,
    fix: `Add a DNS record for *.${domain} with the platform's address.`,
  };
}

/** Whether the way that visitors take is open from here: some app's address, whatever it answers. */
async function checkFrontDoor(api: ApiClient, http: Http, session: Session): Promise<readonly Check[]> {
  const [app] = await api.list('GET /apps', { range: 'name ..; max=1' });
  const url = app?.web_url ? URL.parse(app.web_url) : null;
  if (!url) return [];
  try {
    const { signal } = session.io;
    const response = await http.send({ method: 'HEAD', url, timeoutMs: probeTimeoutMs, signal });
    response.resume();
    return [ok('front door', `${url.host} answers ${response.statusCode}`)];
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const fix = `Let this machine reach port ${url.port || (url.protocol === 'https:' ? 443 : 80)} of the platform.`;
    return [{ name: 'front door', state: 'failed', message: error.message, fix }];
  }
}

/** Nothing answers, and it should be on this machine: what a start would need. */
async function checkEmptyMachine(url: URL): Promise<readonly Check[]> {
  if (!isLoopback(url.hostname)) return [];
  return Promise.all([checkEngineSocket(), checkDisk(), checkWebPort()]);
}

const engineSocket = '/var/run/docker.sock';

async function checkEngineSocket(): Promise<Check> {
  const name = 'engine';
  try {
    await access(engineSocket, constants.R_OK | constants.W_OK);
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === 'EACCES';
    return denied
      ? {
          name,
          state: 'failed',
          message: `${engineSocket} is not yours to use`,
          fix: 'Join its group: usermod -aG docker $USER',
        }
      : { name, state: 'warning', message: 'none is installed', fix: 'As root, npm start installs one.' };
  }
  if (await accepts({ path: engineSocket })) return ok(name, `listens at ${engineSocket}`);
  return {
    name,
    state: 'failed',
    message: `nobody listens at ${engineSocket}`,
    fix: 'Start it: systemctl start docker',
  };
}

async function checkDisk(): Promise<Check> {
  const { bavail, bsize } = await statfs('/');
  const freeGiB = (bavail * bsize) / 2 ** 30;
  if (freeGiB >= 5) return ok('disk', `${Math.floor(freeGiB)} GiB free`);
  const state = freeGiB < 2 ? 'failed' : 'warning';
  return {
    name: 'disk',
    state,
    message: `${freeGiB.toFixed(1)} GiB free`,
    fix: 'Free some: stacks and a first app take 2 GiB.',
  };
}

const defaultWebPort = 8080;

async function checkWebPort(): Promise<Check> {
  const taken = await accepts({ host: '127.0.0.1', port: defaultWebPort });
  if (!taken) return ok('web port', `${defaultWebPort} is free`);
  return {
    name: 'web port',
    state: 'warning',
    message: `some program has port ${defaultWebPort}`,
    fix: 'Stop it, or start the platform with another PAAS_HTTP_PORT.',
  };
}

function accepts(
  address: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(address);
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeTimeoutMs, () => settle(false));
    socket.on('connect', () => settle(true)).on('error', () => settle(false));
  });
}
