import { lookup } from 'node:dns/promises';
import { PlatformError } from '../domain/errors.ts';
import { type Check, ok, probeTimeoutMs } from './check.ts';
import type { ApiClient } from './client.ts';
import { type Http, isLocalhostName, isLoopback, readText } from './http.ts';
import { checkEmptyMachine } from './machine-checks.ts';
import type { Session } from './session.ts';

/** With a larger difference, log lines of two machines cannot be sorted by time and TLS certificates fail. */
const clockSkewMs = { warning: 5_000, failed: 60_000 } as const;

/** Checks the platform from outside: whether it answers, whether the login works, and its own report. */
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

interface ApiChecks {
  readonly answers: boolean;
  readonly checks: readonly Check[];
}

async function checkApi(http: Http, url: URL, session: Session): Promise<ApiChecks> {
  const failed = (message: string, fix: string): ApiChecks => ({
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
    if (!isHealth(body)) return failed(`Another server answers at ${url.origin}`, otherPort(url));
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
      : 'Give the right address: --api URL or PAAS_API';
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
    : 'Give the right address: --api URL or PAAS_API';
}

/** Allows for the server's Date, which is in whole seconds, and for the time of the request. */
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
      fix: 'Correct the wrong clock, for example with: timedatectl set-ntp true',
    },
  ];
}

/** Whether the hostname of a new app resolves to the platform. */
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
      message: `git, curl and browsers resolve *.${domain}, other programs on this machine do not`,
      fix: 'For these: apt-get install libnss-myhostname, or send the Host header to 127.0.0.1.',
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

/** Whether an app's address answers from this machine. Any answer will do. */
async function checkFrontDoor(api: ApiClient, http: Http, session: Session): Promise<readonly Check[]> {
  const [app] = await api.list('GET /apps', { range: 'name ..; max=1' });
  const url = app?.web_url ? URL.parse(app.web_url) : null;
  if (!url) return [];
  try {
    const { signal } = session.io;
    const response = await http.send({ method: 'HEAD', url, timeoutMs: probeTimeoutMs, signal });
    response.resume();
    return [ok('front door', `answers at ${url.host}`)];
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const fix = `Let this machine reach port ${url.port || (url.protocol === 'https:' ? 443 : 80)} of the platform.`;
    return [{ name: 'front door', state: 'failed', message: error.message, fix }];
  }
}
