/** One field of a protobuf message: a varint as bigint, a length-delimited value as bytes. */
export interface Field {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

/**
 * The fields of a message as they follow in its bytes (protobuf.dev/programming-guides/encoding). Fixed-width fields are
 * skipped, because the messages that we read have none. Throws RangeError if the bytes are not a message.
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;

  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('The message ends within a number.');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('A number is longer than 10 bytes.');
  };
  const take = (length: number): Uint8Array => {
    if (at + length > message.length) throw new RangeError('The message ends within a field.');
    at += length;
    return message.subarray(at - length, at);
  };

  while (at < message.length) {
    const key = varint();
    const number = Number(key >> 3n);
    const wireType = Number(key & 7n);
    switch (wireType) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        take(8);
        break;
      case 2:
        yield { number, value: take(Number(varint())) };
        break;
      case 5:
        take(4);
        break;
      default:
        throw new RangeError(`Unknown wire type ${wireType}.`);
    }
  }
}
