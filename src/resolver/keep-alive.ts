const memoryMs = 3_600_000;

/**
 * What is known of an app's promise to keep a connection after an answer (RFC 9112 9.3). All instances of the app share
 * it, those to come too: whether connections are kept is a property of the app's code. An app that broke the promise
 * gets one connection for each request. It is trusted again an hour later, when another process or release may serve.
 */
export class KeepAlive {
  #brokenUntilMs = 0;

  /** An instance closed a connection that it had said or implied to keep. */
  broken(nowMs: number): void {
    this.#brokenUntilMs = nowMs + memoryMs;
  }

  isBroken(nowMs: number): boolean {
    return nowMs < this.#brokenUntilMs;
  }
}
