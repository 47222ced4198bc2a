import { type HCode, hCodes } from './h-codes.ts';
import type { RequestHead } from './request-head.ts';

const maxPathLength = 2_000;

export interface AccessFacts {
  readonly head: RequestHead;
  /** `web.1`; empty when no instance was reached. */
  readonly process: string;
  readonly connectMs: number | null;
  readonly serviceMs: number | null;
  readonly status: number;
  /** Size of the answer's body. Null when the app did not answer. */
  readonly bytes: number | null;
}

/** The log line of an answered request, in the form of Heroku's router, which log tools can read (heroku.md 3.2). */
export function servedLine(facts: AccessFacts): string {
  return `at=info ${requestFields(facts)}`;
}

/** `rule`: the rule of HTTP that an answer broke, or the limit that was reached. */
export function errorLine(code: HCode, facts: AccessFacts, rule: string | null = null): string {
  const why = rule === null ? '' : ` rule=${JSON.stringify(rule)}`;
  return `at=error code=${code} desc="${hCodes[code].desc}"${why} ${requestFields(facts)}`;
}

function requestFields({ head, process, connectMs, serviceMs, status, bytes }: AccessFacts): string {
  return [
    `method=${head.method}`,
    `path=${JSON.stringify(head.path.slice(0, maxPathLength))}`,
    `host=${head.authority}`,
    `request_id=${head.requestId}`,
    `fwd="${head.client.address}"`,
    `dyno=${process}`,
    `connect=${milliseconds(connectMs)}`,
    `service=${milliseconds(serviceMs)}`,
    `status=${status}`,
    `bytes=${bytes ?? ''}`,
    `protocol=${head.client.scheme}`,
  ].join(' ');
}

function milliseconds(ms: number | null): string {
  return ms === null ? '' : `${Math.round(ms)}ms`;
}
