import type { Answer } from '../client.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { hostCapacity, megabytes } from '../memory-text.ts';
import { header } from '../render.ts';
import { harmless, type StyleName } from '../terminal-text.ts';
import { timeAgo } from '../time.ts';

type Dyno = Answer<'GET /apps/{app}/dynos'>[number] & { readonly memory_bytes: number | null };

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
      const params = { app };
      const [dynos, memory] = await Promise.all([
        api.list('GET /apps/{app}/dynos', { params }),
        api.list('GET /apps/{app}/memory', { params }),
      ]);
      const used = new Map(memory.map(({ id, memory_bytes }) => [id, memory_bytes]));
      const all = dynos.map((dyno): Dyno => ({ ...dyno, memory_bytes: used.get(dyno.id) ?? null }));
      const shown = types.length === 0 ? all : all.filter(({ type }) => types.includes(type));
      if (session.json) return session.printJson(shown);
      if (shown.length === 0) return session.print(`No ${typesWords(types)} on ${session.style.app(harmless(app))}`);
      session.print(groups(shown).map(render).join('\n\n'));
      const capacity = await api.call('GET /platform/capacity');
      session.note(`${ofThese(shown, capacity.cloudlet_memory_bytes)}. Host: ${hostCapacity(capacity)}`);
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
        ? `${name} (${harmless(dyno.size)}): ${state} ${since}${used(dyno)}: ${harmless(dyno.command)}`
        : `${name}: ${state} ${since}${used(dyno)}`;
    });
    return `${header(style, title)}\n\n${lines.join('\n')}`;
  }
};

/** The memory that it uses, with a comma before it. Nothing for one that is not up. */
function used({ state, memory_bytes }: Dyno): string {
  return state === 'up' ? `, ${megabytes(memory_bytes)}` : '';
}

/** `Reserved 256 MB, used 82 MB` */
function ofThese(dynos: readonly Dyno[], cloudletBytes: number): string {
  const reserved = dynos.reduce((sum, { cloudlets }) => sum + cloudlets.reserved, 0);
  const up = dynos.filter(({ state }) => state === 'up');
  const known = up.flatMap(({ memory_bytes }) => memory_bytes ?? []);
  const bytes = known.length === up.length ? known.reduce((sum, one) => sum + one, 0) : null;
  return `Reserved ${megabytes(reserved * cloudletBytes)}, used ${megabytes(bytes)}`;
}

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
