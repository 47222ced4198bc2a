import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Ready, Role } from './resolver-server.ts';

/** A server of the resolver's benchmarks. */
export interface Server extends Ready {
  /** That it has used so far. */
  cpuMicroseconds(): Promise<number>;
  stop(): Promise<void>;
}

export async function startServer(role: Role, backendPort = 0): Promise<Server> {
  const program = join(import.meta.dirname, 'resolver-server.ts');
  const child = fork(program, [role, String(backendPort)], { execArgv: ['--no-deprecation'] });
  const exited = once(child, 'exit');
  const [ready] = (await Promise.race([
    once(child, 'message'),
    exited.then(() => Promise.reject(new Error(`${role} ended before it listened`))),
  ])) as [Ready];
  return {
    ...ready,
    async cpuMicroseconds() {
      const answered = once(child, 'message');
      child.send('cpu');
      return (await answered)[0] as number;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
