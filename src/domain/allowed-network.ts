/** A network that one app may reach though the platform's operator denies it to apps. Allowed by an administrator. */
export interface AllowedNetwork {
  readonly appId: string;
  /** In CIDR notation, without bits behind its prefix. */
  readonly network: string;
  readonly createdAt: Date;
}
