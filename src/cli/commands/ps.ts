import type { Answer } from '../client.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { header } from '../render.ts';
import { harmless, type StyleName } from '../terminal-text.ts';
import { timeAgo } from '../time.ts';

type Dyno = Answer<'GET /apps/{app}/dynos'>[number];

const colours: Readonly<Record<Dyno['state'], StyleName>> = {
  starting: 'yellow',
  up: 'green',
  stopping: 'yellow',
  down: 'dim',
  crashed: 'red',
  complete: 'green',
};

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[TYPE...]', 'process types to show')
    .action(async (types: readonly string[], flags: AppFlags) => {
      const app = await session.app(flags);
      const api = await session.api();
      const all = await api.list('GET /apps/{app}/dynos', { params: { app } });
      const shown = types.length === 0 ? all : all.filter(({ type }) => types.includes(type));
      if (session.json) return session.printJson(shown);
      if (shown.length === 0) return session.print(`No ${typesWords(types)} on ${session.style.app(harmless(app))}`);
      session.print(groups(shown).map(render).join('\n\n'));
    });
  examples(command, [['paas ps'], ['paas ps web worker --app shop']]);

  function render(group: readonly Dyno[]): string {
    const [first] = group;
    if (!first) return '';
    const { style, io } = session;
    const oneOff = first.type === 'run';
    const title = oneOff
      ? `run: one-off processes (${group.length})`
      : `${style.paint('green', harmless(first.type))} (${harmless(first.size)}): ${harmless(first.command)} (${group.length})`;
    const lines = group.map((dyno) => {
      const state = style.paint(colours[dyno.state], dyno.state);
      const since = timeAgo(new Date(dyno.updated_at), io.now());
      const name = harmless(dyno.name);
      return oneOff
        ? `${name} (${harmless(dyno.size)}): ${state} ${since}: ${harmless(dyno.command)}`
        : `${name}: ${state} ${since}`;
    });
    return `${header(style, title)}\n\n${lines.join('\n')}`;
  }
};

function typesWords(types: readonly string[]): string {
  return types.length === 0 ? 'dynos' : `${types.map((type) => harmless(type)).join(', ')} dynos`;
}

/** Groups by type and command: during a roll-out two releases run at once. One-offs come first, numbers ascend. */
function groups(dynos: readonly Dyno[]): readonly (readonly Dyno[])[] {
  const number = ({ name }: Dyno) => Number(name.split('.').at(-1));
  const byType = Map.groupBy(
    dynos.toSorted((a, b) => number(a) - number(b)),
    ({ type, command }) => (type === 'run' ? 'run' : `${type}\n${command}`),
  );
  return [...byType].sort(([a], [b]) => Number(b === 'run') - Number(a === 'run')).map(([, group]) => group);
}

export default define;
