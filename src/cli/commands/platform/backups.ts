import type { DefineCommand } from '../../command.ts';
import { runLocally } from '../../local-command.ts';

const define: DefineCommand = (command, session) => {
  command.action(() => runLocally(session, 'platform:backups', []));
};

export default define;
