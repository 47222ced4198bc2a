/**
 * A network of an app on a host. `bridge`: the network that only this app's instances on that host are in, and where they
 * answer. There is one row for each app, host and kind.
 */
export interface AppNetwork {
  readonly appId: string;
  readonly hostId: string;
  readonly kind: AppNetworkKind;
  /** The network's id in the host's engine. */
  readonly networkId: string;
}

export type AppNetworkKind = 'bridge';

/** The network of an app has addresses for two releases of 25 instances during a deploy, and the gateway. */
export const appNetworkPrefix = 26;
