import type { Engine } from '../../src/domain/engine.ts';
import { EngineRegistry } from '../../src/engine/engine-registry.ts';

/** Engines by the id of their host. */
export function enginesOf(engines: Engine | Readonly<Record<string, Engine>>): EngineRegistry {
  const registry = new EngineRegistry();
  const byHost = isOne(engines) ? { local: engines } : engines;
  for (const [hostId, engine] of Object.entries(byHost)) registry.add(hostId, engine);
  return registry;
}

function isOne(engines: Engine | Readonly<Record<string, Engine>>): engines is Engine {
  return 'containers' in engines;
}
