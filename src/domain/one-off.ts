import type { ConfigVars } from './config-vars.ts';

/** How to run a one-off. Its command and size are in its instance. Written once, together with the instance. */
export interface OneOff {
  readonly instanceId: string;
  readonly appId: string;
  /** True: it waits for a terminal before it starts, and ends with the terminal. */
  readonly attach: boolean;
  readonly tty: boolean;
  readonly env: ConfigVars;
  /** The size of the terminal. Null if unknown. */
  readonly columns: number | null;
  readonly rows: number | null;
  readonly createdAt: Date;
  /** It is asked to stop at this moment. */
  readonly deadline: Date;
}

/** The longest life of a one-off, as on Heroku (`time_to_live` of the Platform API's Dyno Create: at most 86,400 s). */
export const maxOneOffMs = 24 * 60 * 60_000;
