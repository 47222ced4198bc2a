import type { RouteDeps } from '../route-deps.ts';
import type { Routes } from '../route-types.ts';

export function configVarRoutes({ store, operations }: RouteDeps): Pick<Routes, 'listConfigVars' | 'updateConfigVars'> {
  return {
    listConfigVars: ({ app }) => copy(store.configVars.get(app.id)),
    async updateConfigVars({ app, actor, body }) {
      if (Object.keys(body).length > 0) await operations.changeConfig(app, body, actor);
      return copy(store.configVars.get(app.id));
    },
  };
}

async function copy(vars: Promise<Readonly<Record<string, string>>>): Promise<Record<string, string>> {
  return { ...(await vars) };
}
