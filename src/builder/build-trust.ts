import { type HostTrust, hostTrust } from './host-trust.ts';
import { defaultNpmRegistry } from './npm-registry.ts';

/** The host's trust, and the default registry of the host's npm when none is configured. */
export function buildTrust(): HostTrust {
  const trust = hostTrust();
  if (trust.env.npm_config_registry) return trust;
  const registry = defaultNpmRegistry();
  return registry === undefined ? trust : { ...trust, env: { ...trust.env, npm_config_registry: registry } };
}
