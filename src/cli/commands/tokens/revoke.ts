import { type DefineCommand, examples } from '../../command.ts';

const define: DefineCommand = (command, session) => {
  command
    .argument('<token>', 'what it begins with, or its id, as paas tokens shows them')
    .action(async (name: string) => {
      const api = await session.api();
      // Who types a whole token means it, and it must not get into a log as a part of an address.
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
