/** Escape sequences: CSI, OSC and other strings, two-character ones. */
const escapes =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject
  /\u001b\[[0-?]*[ -/]*[@-~]?|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]?/g;
/** C0 but for tab and newline, DEL, C1, and the characters that reorder text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Removes what would have an effect on a terminal, colours too. A carriage return ends a line. */
export function plainText(text: string): string {
  return text.replace(escapes, '').replace(/\r\n?/g, '\n').replace(controls, '');
}
