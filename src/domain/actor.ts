/** The account that asks, and with what token. Every operation that changes something takes it; events carry it. */
export interface Actor {
  readonly accountId: string;
  readonly email: string;
  /** The public prefix of the token used. Absent when the platform itself acts. */
  readonly tokenPrefix?: string;
  /** What the token may do. Absent when the platform itself acts. */
  readonly scope?: TokenScope;
  readonly requestId?: string;
}

/**
 * What a token may do. Each scope includes the one before. `read`: see everything, config vars included, and fetch with
 * git. `deploy`: also push and roll back, which a CI needs. `global`: everything (Heroku's word).
 */
export const tokenScopes = ['read', 'deploy', 'global'] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** The platform itself: restarts, adoption, retirement. */
export const platformActor: Actor = { accountId: '00000000-0000-0000-0000-000000000000', email: 'paas' };

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An API token as it is stored: its SHA-256 and a prefix to recognise it by, never the token itself. */
export interface Token {
  readonly id: string;
  readonly accountId: string;
  readonly prefix: string;
  readonly sha256: string;
  readonly description: string;
  readonly scope: TokenScope;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly expiresAt: Date | null;
}
