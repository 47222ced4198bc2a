/**
 * One line of an app's log.
 * `app`: output of its processes. `platform`: what the platform did with them. `build`: build output. `router`: requests.
 */
export interface LogLine {
  readonly at: Date;
  readonly source: LogSource;
  /** `web.1`, `run.1234`, `api`, `build`, `router`. */
  readonly process: string;
  /** The version of the release that the process ran. Null for lines of no release. */
  readonly release: number | null;
  readonly text: string;
}

export const logSources = ['app', 'platform', 'build', 'router'] as const;
export type LogSource = (typeof logSources)[number];

export interface LogQuery {
  /** Only the newest lines, at most this many. */
  readonly lines: number;
  /** `web.1` or the type `web`. */
  readonly process?: string;
  /** One source, or several. */
  readonly source?: LogSource | readonly LogSource[];
  readonly release?: number;
}

/** The app's log across builds, releases and crashes, within a size limit. */
export interface AppLog {
  write(appId: string, line: LogLine): void;
  /** Oldest first. */
  read(appId: string, query: LogQuery): Promise<readonly LogLine[]>;
  /** The newest lines that match, then every new one, until the signal aborts. No line comes twice or is lost between the two. */
  follow(appId: string, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Removes the log of a destroyed app. */
  remove(appId: string): Promise<void>;
}
