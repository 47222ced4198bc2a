import { createHash } from 'node:crypto';
import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { deflateSync } from 'node:zlib';
import { flushPkt, pktLine } from '../../src/git-receive/pkt-line.ts';
import type { GitRepo } from './git-repo.ts';

// A git client written by hand, for requests that the real one would never send.

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  /** Called with each chunk of the answer. */
  readonly onData?: (chunk: Buffer) => void;
}

/** One request with the path exactly as given. */
export function ask(origin: string, path: string, options: RawRequest = {}): Promise<RawAnswer> {
  const { hostname, port } = new URL(origin);
  const { method = 'GET', headers = {}, body, onData } = options;
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, path, method, headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        onData?.(chunk);
      });
      res.once('end', () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) });
      });
      res.once('error', reject);
    });
    req.once('error', reject);
    if (body === undefined || Buffer.isBuffer(body)) req.end(body);
    else body.on('error', () => req.destroy()).pipe(req);
  });
}

export const receivePack = { 'Content-Type': 'application/x-git-receive-pack-request' };
export const uploadPack = { 'Content-Type': 'application/x-git-upload-pack-request' };
export const zeroId = '0'.repeat(40);

/** The body of a push: ref updates, push options as they are given, then the pack. */
export function pushBody(
  updates: readonly { readonly ref: string; readonly newId: string; readonly oldId?: string }[],
  pack: Buffer,
  { capabilities = '', options = Buffer.alloc(0) }: { readonly capabilities?: string; readonly options?: Buffer } = {},
): Buffer {
  const lines = updates.map(({ ref, newId, oldId = zeroId }, index) =>
    pktLine(`${oldId} ${newId} ${ref}${index === 0 ? `\0report-status side-band-64k agent=test ${capabilities}` : ''}`),
  );
  return Buffer.concat([...lines, flushPkt, options, pack]);
}

/** A pack with everything that a commit needs. */
export async function packOf(repo: GitRepo, commit: string): Promise<Buffer> {
  const list = (await repo.must('rev-list', '--objects', '--no-object-names', commit)).split('\n');
  const objects = await Promise.all(
    list.map(async (id) => {
      const type = (await repo.must('cat-file', '-t', id)) as GitObject['type'];
      return { type, data: (await repo.git('cat-file', type, id)).stdoutBytes };
    }),
  );
  return writePack(objects);
}

export interface GitObject {
  readonly type: 'commit' | 'tree' | 'blob' | 'tag';
  readonly data: Buffer;
}

/** The id of a git object. */
export function idOf({ type, data }: GitObject): string {
  return createHash('sha1').update(`${type} ${data.length}\0`).update(data).digest('hex');
}

export interface TreeEntry {
  readonly mode: string;
  readonly name: string;
  readonly id: string;
}

export function treeOf(entries: readonly TreeEntry[]): GitObject {
  const rows = entries.map(({ mode, name, id }) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]),
  );
  return { type: 'tree', data: Buffer.concat(rows) };
}

export function blobOf(content: string | Buffer): GitObject {
  return { type: 'blob', data: Buffer.from(content) };
}

export function commitOf(treeId: string, { author = 'Ada <ada@example.com> 1700000000 +0000' } = {}): GitObject {
  return { type: 'commit', data: Buffer.from(`tree ${treeId}\nauthor ${author}\ncommitter ${author}\n\nmessage\n`) };
}

const typeNumbers = { commit: 1, tree: 2, blob: 3, tag: 4 } as const;

/** gitformat-pack(5), version 2. An entry may be given ready-made: its header and its deflated bytes. */
export function writePack(objects: readonly (GitObject | PackEntry)[]): Buffer {
  const header = Buffer.alloc(12);
  header.write('PACK');
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(objects.length, 8);
  const entries = objects.map((object) => {
    if ('deflated' in object) return Buffer.concat([object.header, object.deflated]);
    return Buffer.concat([entryHeader(typeNumbers[object.type], object.data.length), deflateSync(object.data)]);
  });
  const content = Buffer.concat([header, ...entries]);
  return Buffer.concat([content, createHash('sha1').update(content).digest()]);
}

export interface PackEntry {
  readonly header: Buffer;
  readonly deflated: Buffer;
}

export function entryHeader(type: number, size: number): Buffer {
  const bytes: number[] = [];
  let rest = Math.floor(size / 16);
  let byte = (type << 4) | (size % 16);
  while (rest > 0) {
    bytes.push(byte | 0x80);
    byte = rest % 128;
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, byte]);
}

/** A delta (pack type 7) on the object `baseId` that makes `copies` times its first `length` bytes. */
export function deltaBomb(
  baseId: string,
  { baseSize, length, copies }: { baseSize: number; length: number; copies: number },
): PackEntry {
  // Copy from offset 0: three bytes of size follow (0x10, 0x20, 0x40 say which are there).
  const copy = Buffer.from([0x80 | 0x70, length & 0xff, (length >> 8) & 0xff, (length >> 16) & 0xff]);
  const delta = Buffer.concat([
    varint(baseSize),
    varint(length * copies),
    Buffer.concat(Array.from({ length: copies }, () => copy)),
  ]);
  return {
    header: Buffer.concat([entryHeader(7, delta.length), Buffer.from(baseId, 'hex')]),
    deflated: deflateSync(delta),
  };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
