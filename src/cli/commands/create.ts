import { Option } from 'commander';
import { usualRemote } from '../app-resolution.ts';
import { type DefineCommand, examples } from '../command.ts';
import { ApiError } from '../errors.ts';
import { addAppRemote } from '../git-remote.ts';

interface Flags {
  readonly app?: string;
  readonly remote: string | false;
  readonly region?: string;
  readonly stack?: string;
}

const define: DefineCommand = (command, session) => {
  command
    .argument('[name]', 'a name; without it the platform chooses one')
    .addOption(new Option('-a, --app <name>').hideHelp())
    .option('-r, --remote <name>', 'name of the git remote', usualRemote)
    .option('-n, --no-remote', 'add no git remote')
    .option('--region <name>', 'where it runs')
    .option('-s, --stack <name>', 'what it is built on')
    .action(async (word: string | undefined, flags: Flags) => {
      const name = flags.app ?? word;
      const api = await session.api();
      const { app: sign } = session.errorStyle;
      const title = name === undefined ? 'Creating app' : `Creating ${sign(name)}`;
      const app = await session.progress(title, async (progress) => {
        const { region, stack } = flags;
        const body = {
          ...(name === undefined ? {} : { name }),
          ...(region === undefined ? {} : { region }),
          ...(stack === undefined ? {} : { stack }),
        };
        const made = await api.call('POST /apps', { body }).catch(nameTaken);
        const facts = [
          name === undefined ? sign(made.name) : null,
          region === undefined ? null : `region is ${made.region.name}`,
          stack === undefined ? null : `stack is ${made.stack.name}`,
        ];
        progress.end(['done', ...facts.filter((fact) => fact !== null)].join(', '));
        return made;
      });
      if (session.json) session.printJson(app);
      else session.print(`${app.web_url} | ${app.git_url}`);
      if (flags.remote !== false) await addAppRemote(session, app, { name: flags.remote, replace: false });
    });
  examples(command, [
    ['paas create', 'a name is chosen'],
    ['paas create shop'],
    ['paas create shop-staging --remote staging', 'a second app of the same source'],
  ]);
};

/** The habit of `heroku create` in every clone of one app: what is meant there is its git remote. */
function nameTaken(error: unknown): never {
  if (!(error instanceof ApiError) || error.code !== 'conflict') throw error;
  const { code, message, hint, status, requestId } = error;
  throw new ApiError(code, message, {
    hint: [hint, 'To push to an app that is there: paas git:remote --app NAME'].filter(Boolean).join('\n'),
    status,
    requestId,
  });
}

export default define;
