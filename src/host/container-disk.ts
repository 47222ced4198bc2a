import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import type { ContainerDisk, EngineOnHost } from '../domain/host-hands.ts';
import { isRoot } from '../system/privileges.ts';
import { groupOf } from './container-group.ts';
import { seesEngineProcesses } from './process-numbers.ts';
import { runCounter } from './run-counter.ts';
import { stepGroups } from './step-ports.ts';
import { devicesOf, unlinkedFiles } from './unlinked-files.ts';

/*
 * What a container has on disk, counted on the host and as root: no process of the container can stop this count, hide
 * from it or answer in its place. The container's own disk is the upper directory of its overlay, its volumes are the
 * writable mounts beside it. Files that are open or mapped and have no name are found at its processes.
 */

const cgroupMount = '/sys/fs/cgroup';
/** File systems that take no disk: memory, the kernel's own. */
const notOnDisk = /^(proc|sysfs|tmpfs|devpts|mqueue|cgroup2?|devtmpfs|overlay)$/;

/** Null if `containerDisk` can count on this host; otherwise the reason, without its end. */
export async function whyNotCounted(engine: () => Promise<EngineOnHost>): Promise<string | null> {
  if (!isRoot()) return 'the platform does not run as root';
  try {
    const { isHere, dataRoot } = await engine();
    if (!isHere) return 'the engine is on another machine';
    if (!(await seesEngineProcesses())) return 'the platform runs in a container';
    await access(dataRoot);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Throws `not_found` if the container does not run, and `unavailable` if it cannot be counted. */
export async function containerDisk(
  engine: () => Promise<EngineOnHost>,
  containerId: string,
  signal: AbortSignal,
): Promise<ContainerDisk> {
  const pids = await processesIn(pidsGroupOf(await engine(), containerId));
  if (pids.length === 0) throw new PlatformError('not_found', `Container ${containerId} does not run.`);
  return await diskOfProcesses(pids, signal);
}

/**
 * What the running steps of Dockerfiles that have `mark` in the value of a variable have on disk, by step. A step's
 * environment is read from what BuildKit gave to runc, which a step cannot change.
 */
export async function stepDisks(
  engine: () => Promise<EngineOnHost>,
  mark: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ContainerDisk>> {
  const facts = await engine();
  const { folder, isStep } = stepGroups(facts);
  const disks = new Map<string, ContainerDisk>();
  for (const name of (await readdir(folder).catch(() => [])).filter(isStep)) {
    const id = name.replace(/^.*:/, '');
    const config = join(facts.dataRoot, 'buildkit/executor', id, 'config.json');
    if (!(await readFile(config, 'utf8').catch(() => '')).includes(mark)) continue;
    const pids = await processesIn(join(folder, name));
    if (pids.length > 0) disks.set(id, await diskOfProcesses(pids, signal));
  }
  return disks;
}

/** What is on disk in the mount namespace of these processes, the first of which stands for all. */
async function diskOfProcesses(pids: readonly number[], signal: AbortSignal): Promise<ContainerDisk> {
  const root = `/proc/${pids[0]}/root`;
  const places = writablePlaces(await readFile(`/proc/${pids[0]}/mountinfo`, 'utf8'), root);
  // A file of the container's own disk has the device of its overlay.
  const devices = await devicesOf([...places, root]);
  const [kilobytes, files, unlinked] = await Promise.all([
    total(['-skxc', ...places], signal),
    total(['-sxc', '--inodes', ...places], signal),
    unlinkedFiles(pids, devices, signal),
  ]);
  return { bytes: kilobytes * 1024 + unlinked.bytes, files: files + unlinked.files };
}

function pidsGroupOf(engine: EngineOnHost, containerId: string): string {
  return join(cgroupMount, engine.cgroupVersion === 1 ? 'pids' : '', groupOf(engine, containerId));
}

/** The numbers of the processes in a control group. Empty if there is no such group. */
async function processesIn(group: string): Promise<readonly number[]> {
  try {
    const text = await readFile(join(group, 'cgroup.procs'), 'utf8');
    return text.split('\n').filter(Boolean).map(Number);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return [];
    throw error;
  }
}

/**
 * The folders of the host in which a container's files are, from its mountinfo (proc(5)). `root` leads to the container's
 * own tree: its mount points are made by the engine, and the container has no right to move them. Throws `unavailable` for a
 * root that is not an overlay.
 */
export function writablePlaces(mountinfo: string, root: string): readonly string[] {
  const places: string[] = [];
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , point = '', options = ''] = before.split(' ').map(unescaped);
    const [type = '', , superOptions = ''] = after.split(' ');
    if (point === '/') {
      const upper = /(?:^|,)upperdir=([^,]+)/.exec(unescaped(superOptions))?.[1];
      if (upper !== undefined) places.unshift(upper);
    } else if (type !== '' && !notOnDisk.test(type) && /^rw(,|$)/.test(options) && !point.startsWith('/etc/')) {
      places.push(`${root}${point}`);
    }
  }
  if (places[0]?.startsWith(root) !== false) {
    throw new PlatformError('unavailable', 'The container’s disk is no overlay, so the host cannot count it.');
  }
  return places;
}

/** Blanks in mountinfo are octal (proc(5)). */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The last line of du: the total of the places, each file once. Files that vanish meanwhile are left out. */
async function total(args: readonly string[], signal: AbortSignal): Promise<number> {
  const text = await runCounter('du', args, signal);
  return Number(/(\d+)\ttotal\n$/.exec(text)?.[1] ?? unreadable('du', text));
}

function unreadable(program: string, text: string): never {
  throw new PlatformError('unavailable', `${program} did not end with a total: ${text.slice(-200)}`);
}
