/** The share of requests that a release of an app gets. A release without a share gets none. */
export interface TrafficShare {
  readonly appId: string;
  readonly releaseId: string;
  /** Above 0, relative to the weights of the app's other shares. */
  readonly weight: number;
}

/** The release with all the weight: the current one. Null while requests are split, and before the first deploy. Pure. */
export function currentOf(shares: readonly TrafficShare[]): string | null {
  return shares.length === 1 ? (shares[0]?.releaseId ?? null) : null;
}

/** The releases that get requests, the heaviest first. Pure. */
export function servingReleases(shares: readonly TrafficShare[]): readonly string[] {
  return shares.toSorted((a, b) => b.weight - a.weight).map(({ releaseId }) => releaseId);
}
