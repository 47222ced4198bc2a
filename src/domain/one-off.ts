import type { ConfigVars } from './config-vars.ts';

/** How a person wants their one-off run. Its command and size are its instance's. Written once, with the instance. */
export interface OneOff {
  readonly instanceId: string;
  readonly appId: string;
  /** It waits for a terminal before it starts, and ends with it. */
  readonly attach: boolean;
  readonly tty: boolean;
  readonly env: ConfigVars;
  /** The size of the terminal; null when nobody said. */
  readonly columns: number | null;
  readonly rows: number | null;
  readonly createdAt: Date;
  /** From then on it is asked to stop. */
  readonly deadline: Date;
}

/** Every one-off ends by then, as on Heroku (`time_to_live` of the Platform API's Dyno Create: at most 86,400 s). */
export const maxOneOffMs = 24 * 60 * 60_000;
