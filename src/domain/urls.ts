/** Public URLs, from two settings. */
export interface PublicAddress {
  readonly domain: string;
  readonly httpPort: number;
}

/** `hello.localhost` */
export function appHostname(address: PublicAddress, appName: string): string {
  return `${appName}.${address.domain}`;
}

/** `http://hello.localhost:8080/` */
export function appUrl(address: PublicAddress, appName: string): string {
  return `${origin(address, appHostname(address, appName))}/`;
}

/** `http://git.localhost:8080/hello.git` */
export function gitUrl(address: PublicAddress, appName: string): string {
  return `${origin(address, `git.${address.domain}`)}/${appName}.git`;
}

/** `http://api.localhost:8080`, without a slash at the end. */
export function origin(address: PublicAddress, hostname: string): string {
  return `http://${hostname}${address.httpPort === 80 ? '' : `:${address.httpPort}`}`;
}
