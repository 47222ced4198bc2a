import { isAdministrator } from '../domain/access.ts';
import type { Actor } from '../domain/actor.ts';
import type { AllowedNetwork } from '../domain/allowed-network.ts';
import type { App } from '../domain/app.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { Store } from '../domain/store.ts';
import { readNetwork } from '../system/network.ts';
import type { ByActor } from './releases.ts';

interface Deps {
  readonly store: Store;
}

const maxNetworks = 100;

/**
 * Lets an app reach a network that PAAS_DENY_NETWORKS denies to apps, also one that is denied later. Only the platform's
 * administrator may do so. May be called again.
 */
export async function allowNetwork(
  app: App,
  text: string,
  { actor, deps: { store } }: ByActor<Deps>,
): Promise<AllowedNetwork> {
  await demandAdministrator(store, actor);
  const network = networkOf(text);
  return store.transaction(async (tables) => {
    const own = await tables.allowedNetworks.list(app.id);
    const known = own.find((each) => each.network === network);
    if (known) return known;
    if (own.length >= maxNetworks) {
      throw new PlatformError('too_large', `${app.name} has ${maxNetworks} allowed networks, and that is the limit.`, {
        hint: `Allow a larger one instead. See: paas networks -a ${app.name}`,
      });
    }
    await tables.allowedNetworks.put({ appId: app.id, network });
    await tables.events.append(eventOf('network.allowed', actor, { appId: app.id, data: { network } }));
    const made = (await tables.allowedNetworks.list(app.id)).find((each) => each.network === network);
    if (!made) throw new PlatformError('internal', `The network ${network} was not stored.`);
    return made;
  });
}

/** Takes it back. Open connections end too. Throws `not_found` for a network that was not allowed. */
export async function denyNetwork(
  app: App,
  text: string,
  { actor, deps: { store } }: ByActor<Deps>,
): Promise<AllowedNetwork> {
  await demandAdministrator(store, actor);
  const network = networkOf(text);
  return store.transaction(async (tables) => {
    const known = (await tables.allowedNetworks.list(app.id)).find((each) => each.network === network);
    if (!known) {
      throw new PlatformError('not_found', `${network} is not allowed for ${app.name} in particular.`, {
        hint: `See: paas networks -a ${app.name}`,
      });
    }
    await tables.allowedNetworks.remove({ appId: app.id, network });
    await tables.events.append(eventOf('network.denied', actor, { appId: app.id, data: { network } }));
    return known;
  });
}

function networkOf(text: string): string {
  const read = readNetwork(text);
  const shown = JSON.stringify(text.slice(0, 64));
  if ('mistake' in read)
    throw new PlatformError('invalid_params', `The network is ${shown}, and must be ${read.mistake}.`);
  const { network, range } = read;
  if (range.family === 'ipv6') {
    throw new PlatformError('invalid_params', `${network} is IPv6, which the networks of apps do not have.`);
  }
  if (network.startsWith('169.254.') || (range.prefix < 16 && network === '0.0.0.0/0')) {
    throw new PlatformError('invalid_params', `${network} cannot be allowed: 169.254.0.0/16 has a cloud's secrets.`, {
      hint: 'Allow the addresses that the app needs: paas networks:allow 10.0.5.0/24',
    });
  }
  return network;
}

async function demandAdministrator(store: Store, actor: Actor): Promise<void> {
  if (await isAdministrator(store, actor)) return;
  throw new PlatformError('forbidden', 'Only the administrator of the platform may change what an app can reach.', {
    hint: 'Ask whoever set the platform up.',
  });
}
