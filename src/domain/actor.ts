/** Who asks. An argument of every operation that changes something; events carry it. */
export interface Actor {
  readonly accountId: string;
  readonly email: string;
  /** The token used, by its public prefix; absent when the platform itself acts. */
  readonly tokenPrefix?: string;
  /** What the token may do; absent when the platform itself acts. */
  readonly scope?: TokenScope;
  readonly requestId?: string;
}

/**
 * What a token may do, each more than the one before. `read`: see everything, config vars included, and fetch with git.
 * `deploy`: also push and roll back, which is what a CI needs. `global`: everything; Heroku's word.
 */
export const tokenScopes = ['read', 'deploy', 'global'] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** The platform acting on its own account: restarts, adoption, retirement. */
export const platformActor: Actor = { accountId: '00000000-0000-0000-0000-000000000000', email: 'paas' };

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An API token as it is stored: never the token itself, only its SHA-256 and a prefix to recognise it by. */
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
