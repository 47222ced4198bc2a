import { PlatformError } from '../../domain/errors.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Routes } from '../route-types.ts';

export function accountRoutes({ store }: RouteDeps): Pick<Routes, 'infoAccount'> {
  return {
    async infoAccount({ actor }) {
      const account = await store.accounts.find(actor.accountId);
      if (!account) throw new PlatformError('unauthorized', 'The account of this token is gone.');
      return {
        id: account.id,
        email: account.email,
        name: null,
        created_at: account.createdAt.toISOString(),
        updated_at: account.updatedAt.toISOString(),
        last_login: null,
        verified: true,
        beta: false,
        allow_tracking: false,
        two_factor_authentication: false,
        suspended_at: null,
        default_team: null,
      };
    },
  };
}
