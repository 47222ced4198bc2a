import { type DefineCommand, examples } from '../../command.ts';

interface Flags {
  readonly account?: string;
}

const define: DefineCommand = (command, session) => {
  command
    .argument('<name>', "an app's name, or a hostname such as '*.example.com'")
    .option('--account <email>', 'the account that may take it; without it, your own')
    .action(async (name: string, { account }: Flags) => {
      const api = await session.api();
      const allowed = await session.progress(`Allowing ${name}`, () =>
        api.call('POST /platform/allowed-names', { body: { name, ...(account === undefined ? {} : { account }) } }),
      );
      if (session.json) session.printJson(allowed);
    });
  examples(command, [['paas names:allow status'], ["paas names:allow '*.example.com' --account ada@example.com"]]);
};

export default define;
