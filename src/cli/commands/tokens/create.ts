import { Option } from 'commander';
import { type DefineCommand, examples } from '../../command.ts';
import { duration } from '../../numbers.ts';

interface Flags {
  readonly description?: string;
  readonly expires?: number;
  readonly scope: 'read' | 'deploy' | 'global';
}

const define: DefineCommand = (command, session) => {
  const scope = new Option(
    '-s, --scope <scope>',
    'read: see everything; deploy: also push and roll back; global: everything',
  );
  command
    .option('-d, --description <text>', 'a note for the list, such as where it is used')
    .option(
      '-e, --expires <time>',
      'how long it is valid, such as 30d, 12h or 90m; without it, until it is revoked',
      duration,
    )
    .addOption(scope.choices(['read', 'deploy', 'global']).default('global'))
    .action(async ({ description, expires, scope: chosen }: Flags) => {
      const api = await session.api();
      const made = await session.progress('Creating a token', () =>
        api.call('POST /oauth/authorizations', {
          body: {
            scope: [chosen],
            ...(description === undefined ? {} : { description }),
            ...(expires === undefined ? {} : { expires_in: expires }),
          },
        }),
      );
      if (session.json) return session.printJson(made);
      session.note('This token is shown only once. Log in with it: paas login');
      session.print(made.access_token.token ?? '');
    });
  examples(command, [
    ["paas tokens:create --scope deploy --expires 90d -d 'CI of shop'", 'for a CI that pushes'],
    ['paas tokens:create --scope read > token.txt', 'the file gets only the token'],
  ]);
};

export default define;
