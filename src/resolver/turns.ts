type GoOn = () => void;

/** Sources that go on in one turn of the event loop. With 64 KB each, a turn takes a fraction of a millisecond. */
const perTurn = 8;

const waiting: GoOn[] = [];

/**
 * Calls `goOn` in a later turn of the event loop, in order, and a few in each turn. For sources that have more to be
 * read: a thousand streams then delay a small request no more than eight do.
 */
export function inTurn(goOn: GoOn): void {
  if (waiting.push(goOn) === 1) setImmediate(next);
}

function next(): void {
  for (const goOn of waiting.splice(0, perTurn)) goOn();
  if (waiting.length > 0) setImmediate(next);
}
