import { readFile, readlink } from 'node:fs/promises';

/** The first PID namespace of a machine has this number (PROC_PID_INIT_INO in linux/proc_ns.h). */
const firstNamespace = 'pid:[4026531836]';
/** Where the engine writes its own process number, unless it is configured otherwise. */
const engineFile = '/run/docker.pid';

/** Whether the engine's process numbers mean the same processes here. Not so in a container, with the engine outside of it. */
export async function seesEngineProcesses(): Promise<boolean> {
  if ((await readlink('/proc/self/ns/pid').catch(() => '')) === firstNamespace) return true;
  const pid = (await readFile(engineFile, 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(pid)) return false;
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'dockerd';
}
