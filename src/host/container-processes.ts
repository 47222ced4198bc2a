import { readdir, readFile } from 'node:fs/promises';

const idOfContainer = /[0-9a-f]{64}/;

/**
 * The processes of each container on this machine, by the container's id, those that were started by exec too. A process
 * cannot leave the control group of its container, and the group's name contains the id with every engine and driver.
 */
export async function containerProcesses(): Promise<ReadonlyMap<string, readonly number[]>> {
  const processes = new Map<string, number[]>();
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  await Promise.all(
    pids.map(async (pid) => {
      // It may have ended.
      const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
      const [id] = idOfContainer.exec(groups) ?? [];
      if (id === undefined) return;
      const own = processes.get(id);
      if (own) own.push(Number(pid));
      else processes.set(id, [Number(pid)]);
    }),
  );
  return processes;
}
