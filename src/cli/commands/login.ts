import { Option } from 'commander';
import { saveCredential } from '../../config/credentials.ts';
import { type DefineCommand, examples } from '../command.ts';
import { usageError } from '../errors.ts';
import { isLoopback } from '../http.ts';
import { prompt } from '../prompt.ts';

const define: DefineCommand = (command, session) => {
  // `heroku login -i` asks on the terminal instead of a browser. This command always does, so -i has no effect.
  command.addOption(new Option('-i, --interactive').hideHelp()).action(async () => {
    const { apiUrl } = session.platform();
    const url = new URL(apiUrl);
    if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
      session.warn(`${apiUrl} is not encrypted: anybody on the network can read the token.`);
    }
    if (session.io.stdin.isTTY) {
      session.note("npm start saves a token on the platform's machine, in ~/.config/paas/credentials.json.");
    }
    const token = await prompt(session.io, `Token for ${apiUrl}: `, {
      hidden: true,
      scriptHint: 'For example: paas login < token.txt',
    });
    if (!/^[\x21-\x7e]+$/.test(token))
      throw usageError('That is not a token. A token is one word of letters and digits.');
    const api = await session.apiAt(apiUrl, token);
    const account = await session.progress(`Logging in to ${apiUrl}`, async (progress) => {
      const found = await api.call('GET /account');
      progress.end(`done, ${found.email}`);
      return found;
    });
    // The token is saved for git when an app's remote is added: only then is the git server's address known.
    saveCredential(session.io.env, { email: account.email, token }, { apiUrl, gitOrigins: [] });
    if (session.json) session.printJson(account);
  });
  examples(command, [
    ['paas login', 'asks for the token'],
    ['paas login --api https://api.example.com < token.txt', 'not an argument: other users could read it'],
  ]);
};

export default define;
