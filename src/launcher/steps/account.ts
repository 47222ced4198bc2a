import { hostname, userInfo } from 'node:os';
import { credentialsPath, findCredential, saveCredential } from '../../config/credentials.ts';
import { type Environment, environment } from '../../config/environment.ts';
import type { Settings } from '../../config/settings.ts';
import type { Account } from '../../domain/actor.ts';
import { platformActor } from '../../domain/actor.ts';
import { eventOf } from '../../domain/event.ts';
import type { Store, StoreTables } from '../../domain/store.ts';
import { hashToken, mintToken } from '../../domain/token.ts';
import { apiUrl, gitOrigins } from '../addresses.ts';
import type { SetUpStep } from '../set-up.ts';

/** Whether the login stored for this platform's address has a token of its store. */
export async function knowsLogin(store: Store, settings: Settings, env: Environment): Promise<boolean> {
  const credential = findCredential(env, apiUrl(settings));
  return credential !== null && (await store.tokens.findBySha256(hashToken(credential.token))) !== null;
}

/**
 * Makes an account for the person who starts the platform, with a token that the command line and git find. Replaces a
 * token that this platform does not know, as after PAAS_HOME was removed.
 */
export function accountStep(store: Store, settings: Settings, env: Environment = environment()): SetUpStep {
  return {
    async needed() {
      if (await knowsLogin(store, settings, env)) return null;
      const accounts = await store.accounts.list();
      return accounts.length === 0
        ? `Creating the first account, ${defaultEmail()}`
        : `Making a token for ${accounts[0]?.email}: there is none of this platform in ${credentialsPath(env)}`;
    },
    async perform(progress) {
      const minted = mintToken();
      const account = await store.transaction(async (tables) => {
        const first = (await tables.accounts.list())[0] ?? (await createAccount(tables));
        const { prefix, sha256 } = minted;
        const description = `npm start on ${hostname()}`;
        await tables.tokens.create({
          accountId: first.id,
          prefix,
          sha256,
          description,
          scope: 'global',
          expiresAt: null,
        });
        const data = { prefix, description, scope: 'global' } as const;
        await tables.events.append(eventOf('token.created', platformActor, { appId: null, data }));
        return first;
      });
      const credential = { email: account.email, token: minted.token };
      saveCredential(env, credential, { apiUrl: apiUrl(settings), gitOrigins: gitOrigins(settings) });
      progress(`its token is in ${credentialsPath(env)}, where paas and git find it`);
    },
  };
}

async function createAccount(tables: StoreTables): Promise<Account> {
  const account = await tables.accounts.create(defaultEmail());
  await tables.events.append(
    eventOf('account.created', platformActor, { appId: null, data: { email: account.email } }),
  );
  return account;
}

/** An email address, because Heroku's clients expect one. No mail is sent to it. */
function defaultEmail(): string {
  return `${userName()}@${hostname()}`.toLowerCase();
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // Some containers run as a user id without a name.
    return 'paas';
  }
}
