import { nameBytes } from '../../domain/file-name.ts';
import { blockBytes, checksumOf, paddingOf } from './read.ts';

export interface HeaderFacts {
  /** Without a slash at its end. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly linkTarget: string | null;
}

/** The two blocks at the end of a tar. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockBytes);

const typeFlags = { file: '0', symlink: '2', directory: '5' } as const;

/**
 * The header of an entry (POSIX.1-2001, "pax"), byte for byte with the name and link that it has. What does not fit into
 * a plain header, or is not ASCII, goes into an extended one before it. Equal facts give equal bytes.
 */
export function tarHeader(facts: HeaderFacts): Buffer {
  const name = nameBytes(facts.type === 'directory' ? `${facts.name}/` : facts.name);
  const link = facts.linkTarget === null ? null : nameBytes(facts.linkTarget);
  const parts = split(name);
  if (parts && (link === null || link.length <= 100))
    return block(facts, { ...parts, link, flag: typeFlags[facts.type] });
  const records = Buffer.concat([record('path', name), ...(link === null ? [] : [record('linkpath', link)])]);
  const placeholder = Buffer.from('PaxHeader');
  const own = { name: placeholder, prefix: Buffer.alloc(0), link: link && placeholder };
  return Buffer.concat([
    block({ ...facts, sizeBytes: records.length }, { ...own, flag: 'x' }),
    records,
    Buffer.alloc(paddingOf(records.length)),
    block(facts, { ...own, flag: typeFlags[facts.type] }),
  ]);
}

/** A name for the two fields of a plain header. Null if it has other bytes than ASCII or does not fit. */
function split(whole: Buffer): { readonly name: Buffer; readonly prefix: Buffer } | null {
  if (whole.some((byte) => byte >= 0x80)) return null;
  let at = 0;
  while (whole.length - at > 100) {
    const slash = whole.indexOf('/', at);
    if (slash < 0) return null;
    at = slash + 1;
  }
  return at > 156 ? null : { name: whole.subarray(at), prefix: whole.subarray(0, Math.max(0, at - 1)) };
}

/** The length at the front counts itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function block(
  { mode, uid, gid, sizeBytes, modifiedAt }: HeaderFacts,
  fields: {
    readonly name: Buffer;
    readonly prefix: Buffer;
    readonly link: Buffer | null;
    readonly flag: string;
  },
): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number, at: number) =>
    header.write(`${Math.trunc(value).toString(8).padStart(digits, '0')} `, at);
  fields.name.copy(header, 0);
  octal(mode & 0o7777, 6, 100);
  // A number with too many digits is written in binary, as GNU tar does.
  const wide = (value: number, digits: number, at: number) => {
    if (value < 8 ** (digits + 1)) {
      octal(value, digits, at);
      return;
    }
    header.writeUInt8(0x80, at);
    header.writeUIntBE(value, at + digits + 2 - 6, 6);
  };
  wide(uid, 6, 108);
  wide(gid, 6, 116);
  if (sizeBytes < 8 ** 11) octal(sizeBytes, 11, 124);
  else {
    header.writeUInt8(0x80, 124);
    header.writeUIntBE(sizeBytes, 130, 6);
  }
  octal(modifiedAt.getTime() / 1000, 11, 136);
  header.write(fields.flag, 156);
  fields.link?.copy(header, 157);
  header.write('ustar\0' + '00', 257);
  octal(0, 6, 329);
  octal(0, 6, 337);
  fields.prefix.copy(header, 345);
  octal(checksumOf(header), 6, 148);
  return header;
}
