import type { Routes } from '../call.ts';
import type { ApiContext } from '../context.ts';

export function configVarRoutes({
  store,
  operations,
}: ApiContext): Pick<Routes, 'listConfigVars' | 'updateConfigVars'> {
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
