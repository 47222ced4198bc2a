import { version } from '../system/version.ts';
import { type CommandEntry, commandGroups, commandsOf } from './commands.ts';
import { padEnd, type Style } from './terminal-text.ts';

/** All commands in their groups. */
export function overview(style: Style): string {
  const column = Math.max(...commandGroups.flatMap(({ commands }) => commands.map(({ name }) => name.length)));
  const groups = commandGroups.map(
    ({ title, commands }) => `${style.paint('bold', title)}\n${lines(style, commands, column)}`,
  );
  return `paas ${version}: push your code, get a URL that answers

Usage: paas COMMAND [--app APP] [options]
In your app's folder: paas create && git push paas main

${groups.join('\n\n')}

paas help COMMAND explains a command, with examples. config:set and config set are the same.
The app comes from --app, PAAS_APP or this folder's git remote. --json prints data for programs.
Exit codes: 0 done, 1 failed, 2 wrong arguments or refused by the platform, 127 no such command.`;
}

/** The commands of a topic, shown when the topic is typed alone. */
export function topicHelp(style: Style, topic: string): string {
  const commands = commandsOf(topic);
  const column = Math.max(...commands.map(({ name }) => name.length));
  return `Usage: paas ${topic}:COMMAND

${style.paint('bold', 'Commands')}
${lines(style, commands, column)}`;
}

function lines(style: Style, commands: readonly CommandEntry[], column: number): string {
  return commands.map(({ name, summary }) => `  ${style.paint('cyan', padEnd(name, column))}   ${summary}`).join('\n');
}
