interface Place {
  readonly appId: string;
  readonly turn: () => void;
}

/**
 * One push at a time per app, in the order of asking. A place is held by its push until git has moved the ref or has
 * gone, not merely until the build has ended, so that the next push sees what this one left.
 */
export class PushLine {
  readonly #lines = new Map<string, Place[]>();

  /**
   * Resolves with the function that gives the place up (call it once or more), when all pushes before have done so.
   * `onWait` is called when it is not one's turn at once. Throws the signal's reason when it aborts while waiting.
   */
  async take(appId: string, { signal, onWait }: { signal: AbortSignal; onWait: () => void }): Promise<() => void> {
    signal.throwIfAborted();
    const { promise: turn, resolve, reject } = Promise.withResolvers<void>();
    const place: Place = { appId, turn: resolve };
    const line = this.#lines.get(appId) ?? [];
    this.#lines.set(appId, line);
    line.push(place);
    const leave = () => this.#leave(place);
    if (line[0] === place) return leave;

    onWait();
    const gone = () => {
      leave();
      reject(signal.reason);
    };
    signal.addEventListener('abort', gone, { once: true });
    try {
      await turn;
    } finally {
      signal.removeEventListener('abort', gone);
    }
    // The turn and the abort may have come in one breath; then `gone` has given the place up already.
    signal.throwIfAborted();
    return leave;
  }

  #leave(place: Place): void {
    const line = this.#lines.get(place.appId);
    const index = line?.indexOf(place) ?? -1;
    if (!line || index < 0) return;
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(place.appId);
    else if (index === 0) line[0]?.turn();
  }
}
