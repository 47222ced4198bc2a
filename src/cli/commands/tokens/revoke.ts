import { type DefineCommand, examples } from '../../command.ts';

const define: DefineCommand = (command, session) => {
  command.argument('<token>', 'its start, as paas tokens shows it, or its id').action(async (name: string) => {
    const api = await session.api();
    // A whole token works too, but it is cut: a URL, and so a log, must not contain it.
    const authorization = name.slice(0, name.startsWith('pp_') ? prefixLength : undefined);
    const revoked = await session.progress(`Revoking ${authorization}`, () =>
      api.call('DELETE /oauth/authorizations/{authorization}', { params: { authorization } }),
    );
    if (session.json) session.printJson(revoked);
  });
  examples(command, [['paas tokens:revoke pp_4fQz1a']]);
};

const prefixLength = 'pp_'.length + 6;

export default define;
