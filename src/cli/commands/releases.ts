import type { Answer } from '../client.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { header, table } from '../render.ts';
import { harmless, type Style } from '../terminal-text.ts';
import { timeAgo } from '../time.ts';

type Release = Answer<'GET /apps/{app}/releases'>[number];

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .option('-n, --num <count>', 'how many, newest first', wholeNumber(1, 1000), 15)
    .action(async (flags: AppFlags & { readonly num: number }) => {
      const app = await session.app(flags);
      const api = await session.api();
      const releases = await api.list('GET /apps/{app}/releases', {
        params: { app },
        range: `version ..; order=desc,max=${flags.num}`,
      });
      if (session.json) return session.printJson(releases);
      const { style, io } = session;
      const label = style.app(harmless(app));
      if (releases.length === 0) return session.print(`${label} has no releases.`);
      const current = releases.find((release) => release.current);
      session.print(header(style, `${label} Releases${current ? ` - Current: v${current.version}` : ''}`));
      const rows = releases.map((release) => [
        `v${release.version}`,
        description(release, style),
        release.user.email,
        timeAgo(new Date(release.created_at), io.now()),
      ]);
      session.print(`\n${table(['v', 'description', 'user', 'created_at'], rows)}`);
    });
  examples(command, [['paas releases'], ['paas releases --num 50 --json']]);
};

function description({ description, status }: Release, style: Style): string {
  if (status === 'pending') return `${description} ${style.paint('yellow', 'rolling out')}`;
  if (status === 'failed') return `${description} ${style.paint('red', 'failed')}`;
  return description;
}

export default define;
