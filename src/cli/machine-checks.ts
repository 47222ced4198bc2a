import { access, constants, statfs } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { type Check, ok, probeTimeoutMs } from './check.ts';
import { gitVersion } from './git.ts';
import { isLoopback } from './http.ts';
import type { Session } from './session.ts';

/** Since this version, protocol v2 is git's default. */
const oldestGit = [2, 26] as const;

/** Checks what the client needs on this machine. */
export async function checkClientMachine(session: Session): Promise<readonly Check[]> {
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

/** For a platform on this machine that does not answer: checks what it needs to start. Elsewhere it checks nothing. */
export async function checkEmptyMachine(url: URL): Promise<readonly Check[]> {
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
          message: `you have no permission for ${engineSocket}`,
          fix: 'Join its group: usermod -aG docker $USER',
        }
      : { name, state: 'warning', message: 'none is installed', fix: 'As root, npm start installs one.' };
  }
  if (await accepts({ path: engineSocket })) return ok(name, `listens at ${engineSocket}`);
  return {
    name,
    state: 'failed',
    message: `nothing listens at ${engineSocket}`,
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
    fix: 'Free some space: the stacks and a first app take 2 GiB.',
  };
}

const defaultWebPort = 8080;

async function checkWebPort(): Promise<Check> {
  const taken = await accepts({ host: '127.0.0.1', port: defaultWebPort });
  if (!taken) return ok('web port', `${defaultWebPort} is free`);
  return {
    name: 'web port',
    state: 'warning',
    message: `another program uses port ${defaultWebPort}`,
    fix: 'Stop it, or start the platform with another PAAS_HTTP_PORT.',
  };
}

function accepts(
  address: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(address);
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeTimeoutMs, () => finish(false));
    socket.on('connect', () => finish(true)).on('error', () => finish(false));
  });
}
