import { type DefineCommand, examples } from '../../command.ts';
import { runLocally } from '../../local-command.ts';
import { inThisFolder } from '../../local-file.ts';

const define: DefineCommand = (command, session) => {
  command
    .argument('[FILE]', 'where to; without it a new file in the backups of PAAS_HOME')
    .action((file: string | undefined) =>
      runLocally(session, 'platform:backup', file === undefined ? [] : ['--', inThisFolder(session, file)]),
    );
  examples(command, [
    ['paas platform:backup', 'while the platform runs, as every night'],
    ['paas platform:backup /mnt/paas.db', 'and the key that opens its config vars in /mnt/paas.db.key'],
  ]);
};

export default define;
