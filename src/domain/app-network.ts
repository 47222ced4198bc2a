/**
 * A network of an app on a host. `bridge`: the app's own on that host, in which its instances there answer. One row of a
 * kind for each host and app.
 */
export interface AppNetwork {
  readonly appId: string;
  readonly hostId: string;
  readonly kind: AppNetworkKind;
  /** As the host's engine knows it. */
  readonly networkId: string;
}

export type AppNetworkKind = 'bridge';
