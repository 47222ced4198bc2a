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
    .argument('[name]', "the app's name; without it the platform chooses one")
    .addOption(new Option('-a, --app <name>').hideHelp())
    .option('-r, --remote <name>', 'name of the git remote', usualRemote)
    .option('-n, --no-remote', 'add no git remote')
    .option('--region <name>', 'the region in which the app runs')
    .option('-s, --stack <name>', 'the stack on which the app is built')
    .action(async (word: string | undefined, flags: Flags) => {
      const name = flags.app ?? word;
      const api = await session.api();
      const { app: label } = session.errorStyle;
      const title = name === undefined ? 'Creating app' : `Creating ${label(name)}`;
      const app = await session.progress(title, async (progress) => {
        const { region, stack } = flags;
        const body = {
          ...(name === undefined ? {} : { name }),
          ...(region === undefined ? {} : { region }),
          ...(stack === undefined ? {} : { stack }),
        };
        const made = await api.call('POST /apps', { body }).catch(nameTaken);
        const facts = [
          name === undefined ? label(made.name) : null,
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
    ['paas create', 'the platform chooses a name'],
    ['paas create shop'],
    ['paas create shop-staging --remote staging', 'a second app for the same source'],
  ]);
};

/** Adds a hint: who types `create` in a second clone of an app may only need its git remote. */
function nameTaken(error: unknown): never {
  if (!(error instanceof ApiError) || error.code !== 'conflict') throw error;
  const { code, message, hint, status, requestId } = error;
  throw new ApiError(code, message, {
    hint: [hint, 'To push to an existing app: paas git:remote --app NAME'].filter(Boolean).join('\n'),
    status,
    requestId,
  });
}

export default define;
