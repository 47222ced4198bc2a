import type { PlatformEvent } from '../domain/event.ts';
import { oneShotTypes } from '../domain/formation.ts';
import type { LogLine } from '../domain/log-line.ts';

type Facts = PlatformEvent['data'];

/** What an app's log says of an event, in Heroku's words where Heroku has some (contracts/heroku.md 3.3). Often one line, sometimes none. */
export function eventLines(event: PlatformEvent): readonly LogLine[] {
  const { data } = event;
  const process = text(data.process) || 'api';
  const release = typeof data.release === 'number' ? data.release : null;
  return wordsOf(event).map((words) => ({ at: event.at, source: 'platform', process, release, text: words }));
}

function wordsOf({ kind, data, actorEmail }: PlatformEvent): readonly string[] {
  const by = `by ${actorEmail}`;
  switch (kind) {
    case 'app.created':
      return [`App ${text(data.name)} created ${by}`];
    case 'app.renamed':
      return [`Renamed from ${text(data.from)} to ${text(data.name)} ${by}`];
    case 'app.maintenance':
      return [`Maintenance mode turned ${data.on === true ? 'on' : 'off'} ${by}`];
    case 'config.changed':
      return configWords(data, by);
    case 'push.received':
      return [`Push of ${commit(data)} to ${branch(data)} received from ${actorEmail}`];
    case 'push.refused':
      return [`Push of ${commit(data)} to ${branch(data)} refused${because(data)}`];
    case 'build.started':
      return [`Build started ${by}`];
    case 'build.succeeded':
      return ['Build succeeded'];
    case 'build.failed':
      return [`Build failed${because(data)}`];
    case 'build.cancelled':
      return ['Build cancelled'];
    case 'release.created':
      return [`Release v${text(data.version)} created ${by}`];
    case 'release.succeeded':
      return [`Release v${text(data.version)} is live`];
    case 'release.failed':
      return [`Release v${text(data.version)} failed${because(data)}`];
    case 'formation.changed':
      return [`Scaled to ${text(data.formation)} ${by}`];
    case 'formation.restarted':
      return [`Restart of ${text(data.target) || 'all processes'} ${by}`];
    case 'formation.stopped':
      return [`Stop of ${text(data.target) || 'all processes'} ${by}`];
    case 'domain.added':
      return [`Domain ${text(data.hostname)} added ${by}`];
    case 'domain.removed':
      return [`Domain ${text(data.hostname)} removed ${by}`];
    case 'instance.placed':
      return waiting(data);
    case 'run.started':
      return [`${starting(data)} ${by}`];
    case 'instance.starting':
      // `run.started` has said it, and by whom.
      return isOneShot(data) ? [] : [starting(data)];
    case 'instance.up':
      return ['State changed from starting to up'];
    case 'instance.draining':
      return ['Stopping all processes with SIGTERM'];
    case 'instance.stopped':
      return exited(data);
    case 'run.ended':
      return [...exited(data), 'State changed from up to complete'];
    case 'instance.crashed':
      return [...exited(data), `State changed ${data.from ? `from ${text(data.from)} ` : ''}to crashed`];
    case 'instance.refused':
      return [text(data.reason) || 'Could not be started'];
    case 'instance.out_of_memory':
    case 'instance.disk_full':
      return [text(data.reason)];
    // Of no interest to the app's people, or without an app, or the end of its log.
    case 'build.queued':
    case 'app.destroyed':
    case 'platform.started':
    case 'platform.stopped':
    case 'account.created':
    case 'token.created':
    case 'token.revoked':
      return [];
  }
}

function configWords({ set, unset }: Facts, by: string): readonly string[] {
  const words: string[] = [];
  if (set) words.push(`Set ${set} config vars ${by}`);
  if (unset) words.push(`Unset ${unset} config vars ${by}`);
  return words;
}

function starting({ command }: Facts): string {
  return command ? `Starting process with command \`${text(command)}\`` : 'Starting process';
}

/** Whoever follows the log of an app that keeps crashing wants to know why nothing happens now. */
function waiting({ failures, startsInMs }: Facts): readonly string[] {
  if (typeof failures !== 'number' || typeof startsInMs !== 'number' || startsInMs <= 0) return [];
  const seconds = Math.round(startsInMs / 1000);
  const wait = seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return [`Crashed ${failures} times in a row: starting again in ${wait}`];
}

/** How a process ended: the cause when there is more to say than its status, then the status. */
function exited({ exitCode, reason }: Facts): readonly string[] {
  const words: string[] = [];
  const status = typeof exitCode === 'number' ? `Process exited with status ${exitCode}` : '';
  if (reason && reason !== status) words.push(text(reason));
  if (status) words.push(status);
  return words;
}

function isOneShot({ process }: Facts): boolean {
  return oneShotTypes.has(text(process).split('.')[0] ?? '');
}

function because({ reason }: Facts): string {
  return reason ? `: ${text(reason)}` : '';
}

function branch({ ref }: Facts): string {
  return text(ref).replace(/^refs\/(heads|tags)\//, '');
}

function commit(data: Facts): string {
  return text(data.commit).slice(0, 7);
}

function text(value: Facts[string] | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}
