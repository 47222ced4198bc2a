/** The part of http-proxy 1.18.1 that tests and benchmarks use. */
declare module 'http-proxy' {
  import type { Agent, IncomingMessage, ServerResponse } from 'node:http';

  interface Proxy {
    web(request: IncomingMessage, response: ServerResponse): void;
    on(event: 'error', listener: (error: Error) => void): void;
  }
  interface Options {
    readonly target: string;
    readonly agent?: Agent;
    readonly xfwd?: boolean;
  }
  const httpProxy: { createProxyServer(options: Options): Proxy };
  export default httpProxy;
}
