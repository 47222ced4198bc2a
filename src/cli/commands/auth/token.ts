import { PlatformError } from '../../../domain/errors.ts';
import { type DefineCommand, examples } from '../../command.ts';

const define: DefineCommand = (command, session) => {
  command.action(() => {
    const { apiUrl, token } = session.platform();
    if (token === undefined) {
      throw new PlatformError('unauthorized', `Not logged in to ${apiUrl}.`, {
        hint: `Log in with: paas login --api ${apiUrl}`,
      });
    }
    if (session.json) session.printJson({ api: apiUrl, token });
    else session.print(token);
  });
  examples(command, [['curl -H "Authorization: Bearer $(paas auth:token)" http://127.0.0.1:7080/apps']]);
};

export default define;
