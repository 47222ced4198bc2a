import type { ContainerSpec } from '../domain/containers.ts';
import type { Connection } from './connection.ts';
import { containerRequest, type EngineAbilities } from './policy.ts';

const createDeadlineMs = 60_000;

/** The only call that makes a container. It sends only requests of the policy. */
export async function postContainer(
  connection: Connection,
  spec: ContainerSpec,
  abilities: EngineAbilities,
): Promise<string> {
  const created = await connection.request<{ readonly Id: string }>({
    method: 'POST',
    path: '/containers/create',
    query: { name: spec.name },
    body: containerRequest(spec, abilities),
    what: `create container ${spec.name}`,
    deadlineMs: createDeadlineMs,
  });
  return created.Id;
}
