import type { EventFacts, PlatformEvent } from '../domain/event.ts';
import { oneShotTypes } from '../domain/formation.ts';
import type { LogLine } from '../domain/log-line.ts';

/**
 * The lines of an app's log for an event, in Heroku's words where Heroku has some (contracts/heroku.md 3.3). Often one
 * line, sometimes none.
 */
export function eventLines(event: PlatformEvent): readonly LogLine[] {
  const { data } = event;
  const process = 'process' in data ? data.process : 'api';
  const release = 'release' in data ? data.release : null;
  return wordsOf(event).map((words) => ({ at: event.at, source: 'platform', process, release, text: words }));
}

function wordsOf(event: PlatformEvent): readonly string[] {
  const by = `by ${event.actorEmail}`;
  switch (event.kind) {
    case 'app.created':
      return [`App ${event.data.name} created ${by}`];
    case 'app.renamed':
      return [`Renamed from ${event.data.from} to ${event.data.name} ${by}`];
    case 'app.maintenance':
      return [`Maintenance mode turned ${event.data.on ? 'on' : 'off'} ${by}`];
    case 'app.cache_purged':
      return [`Build cache purged ${by}`];
    case 'config.changed':
      return configWords(event.data, by);
    case 'push.received':
      return [`Push of ${commit(event.data)} to ${branch(event.data)} received from ${event.actorEmail}`];
    case 'push.refused':
      return [`Push of ${commit(event.data)} to ${branch(event.data)} refused: ${event.data.reason}`];
    case 'build.started':
      return [`Build started ${by}`];
    case 'build.succeeded':
      return ['Build succeeded'];
    case 'build.failed':
      return [`Build failed: ${event.data.reason}`];
    case 'build.cancelled':
      return ['Build cancelled'];
    case 'release.created':
      return [`Release v${event.data.version} created ${by}`];
    case 'release.succeeded':
      return [`Release v${event.data.version} is live`];
    case 'release.failed':
      return [`Release v${event.data.version} failed: ${event.data.reason}`];
    case 'formation.changed':
      return [`Scaled to ${event.data.formation} ${by}`];
    case 'formation.restarted':
      return [`Restart of ${event.data.target || 'all processes'} ${by}`];
    case 'formation.stopped':
      return [`Stop of ${event.data.target || 'all processes'} ${by}`];
    case 'domain.added':
    case 'domain.removed':
      return [`Domain ${event.data.hostname} ${event.kind === 'domain.added' ? 'added' : 'removed'} ${by}`];
    case 'network.allowed':
    case 'network.denied':
      return [`Network ${event.data.network} ${event.kind === 'network.allowed' ? '' : 'no longer '}allowed ${by}`];
    case 'instance.placed':
      return waiting(event.data);
    case 'run.started':
      return [`${starting(event.data)} ${by}`];
    case 'instance.starting':
      // `run.started` has a line of its own, which also names the user.
      return oneShotTypes.has(event.data.type) ? [] : [starting(event.data)];
    case 'instance.up':
      return ['State changed from starting to up'];
    case 'instance.draining':
      return [`Stopping all processes with ${event.data.signal}`];
    case 'instance.stopped':
      return exited(event.data);
    case 'run.ended':
      return [...exited(event.data), 'State changed from up to complete'];
    case 'instance.crashed':
      return [...exited(event.data), `State changed from ${event.data.from} to crashed`];
    case 'instance.lost':
      return [event.data.reason, 'State changed to lost'];
    case 'instance.refused':
    case 'instance.out_of_memory':
    case 'instance.disk_full':
    case 'instance.low_memory':
      return [event.data.reason];
    // Of no interest to the app's users, without an app, or at the end of the app's log.
    case 'build.queued':
    case 'app.destroyed':
    case 'platform.started':
    case 'platform.stopped':
    case 'platform.backup_failed':
    case 'platform.restored':
    case 'account.created':
    case 'token.created':
    case 'token.revoked':
    case 'name.allowed':
    case 'name.disallowed':
    case 'name.released':
      return [];
  }
}

function configWords({ set, unset }: EventFacts['config.changed'], by: string): readonly string[] {
  const words: string[] = [];
  if (set) words.push(`Set ${set} config vars ${by}`);
  if (unset) words.push(`Unset ${unset} config vars ${by}`);
  return words;
}

function starting({ command }: EventFacts['instance.starting']): string {
  return command ? `Starting process with command \`${command}\`` : 'Starting process';
}

/** Says why nothing happens now, to users who follow the log of an app that keeps crashing or using more memory than its host has. */
function waiting({ failures, startsInMs }: EventFacts['instance.placed']): readonly string[] {
  if (startsInMs === 0) return [];
  const seconds = Math.round(startsInMs / 1000);
  const wait = seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return [`Ended ${failures} times in a row: starting again in ${wait}`];
}

/** How a process ended: the cause, unless it only repeats the status, and then the status. */
function exited({ exitCode, reason }: EventFacts['instance.stopped']): readonly string[] {
  const status = exitCode === null ? null : `Process exited with status ${exitCode}`;
  return [reason === status ? null : reason, status].filter((words) => words !== null);
}

function branch({ ref }: EventFacts['push.received']): string {
  return ref.replace(/^refs\/(heads|tags)\//, '');
}

function commit(data: EventFacts['push.received']): string {
  return data.commit.slice(0, 7);
}
