/** A part that does not answer in this time counts as down. The engine's own deadlines are longer. */
const partAnswersMs = 3000;

/** The answer of a part of the platform. Throws when it takes longer than three seconds; `name` is for the message. */
export async function inTime<T>(answer: Promise<T>, name: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Error(`${name} did not answer within ${partAnswersMs / 1000} s`));
  const timer = setTimeout(late, partAnswersMs);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}
