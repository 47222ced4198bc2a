/**
 * One line of an app's log.
 * `app`: what its processes wrote. `platform`: what the platform did with them. `build`: build output. `router`: requests.
 */
export interface LogLine {
  readonly at: Date;
  readonly source: LogSource;
  /** `web.1`, `run.1234`, `api`, `build`, `router`. */
  readonly process: string;
  /** Release version the process ran; null when no release is meant. */
  readonly release: number | null;
  readonly text: string;
}

export const logSources = ['app', 'platform', 'build', 'router'] as const;
export type LogSource = (typeof logSources)[number];

export interface LogQuery {
  /** At most this many of the newest lines. */
  readonly lines: number;
  /** `web.1` or the type `web`. */
  readonly process?: string;
  /** One, or any of several. */
  readonly source?: LogSource | readonly LogSource[];
  readonly release?: number;
}

/** The app's log across builds, releases and crashes, within a size cap. */
export interface AppLog {
  write(appId: string, line: LogLine): void;
  /** Oldest first. */
  read(appId: string, query: LogQuery): Promise<readonly LogLine[]>;
  /** The newest lines that match, then every new one, until the signal aborts. No line twice, none lost between the two. */
  follow(appId: string, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Forgets an app's log: when it is destroyed. */
  remove(appId: string): Promise<void>;
}
