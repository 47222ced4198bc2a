import { type DefineCommand, examples } from '../../command.ts';
import { runLocally } from '../../local-command.ts';
import { inThisFolder } from '../../local-file.ts';

interface Flags {
  readonly confirm?: string;
  readonly key?: string;
}

const define: DefineCommand = (command, session) => {
  command
    .argument('[FILE]', 'the backup; without it the newest one in PAAS_HOME')
    .option('-c, --confirm <domain>', "the platform's domain, to confirm")
    .option('-k, --key <file>', 'the root key of the backup, when it is not beside it')
    .action((file: string | undefined, { confirm, key }: Flags) =>
      runLocally(session, 'platform:restore', [
        ...(confirm === undefined ? [] : [`--confirm=${confirm}`]),
        ...(key === undefined ? [] : [`--key=${inThisFolder(session, key)}`]),
        ...(file === undefined ? [] : ['--', inThisFolder(session, file)]),
      ]),
    );
  examples(command, [
    ['paas platform:restore', 'says what the newest backup would put back'],
    ['paas platform:restore /mnt/paas.db --key /mnt/paas.db.key --confirm localhost'],
  ]);
};

export default define;
