import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A name and a password. Without them, everybody may push and pull. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/**
 * A registry of images in memory, on the loopback alone: as much of the OCI distribution specification (1.1) as engines
 * use to push and to pull. Engines talk plain HTTP to 127.0.0.0/8.
 */
export class Registry implements AsyncDisposable {
  readonly #server: Server;
  readonly #login: RegistryLogin | null;
  readonly #blobs = new Map<string, Buffer>();
  readonly #uploads = new Map<string, Buffer[]>();
  /** By `repository@digest` and `repository:tag`. */
  readonly #manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  #uploadCount = 0;

  private constructor(server: Server, login: RegistryLogin | null) {
    this.#server = server;
    this.#login = login;
  }

  static async start(login: RegistryLogin | null = null): Promise<Registry> {
    const server = createServer();
    const registry = new Registry(server, login);
    server.on('request', (request, response) => {
      registry.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    // An engine tries TLS first, and continues without it when the answer is plain HTTP.
    server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return registry;
  }

  /** `127.0.0.1:PORT`, the start of a reference to an image here. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://registry');
    const body = await buffer(request);
    if (!this.#mayEnter(request)) {
      response.setHeader('WWW-Authenticate', 'Basic realm="registry"');
      return refuse(response, 401, 'UNAUTHORIZED');
    }
    const parts = /^\/v2\/(?:(.+)\/(manifests|blobs)\/(uploads\/)?([^/]*))?$/.exec(url.pathname);
    if (parts === null) return refuse(response, 404, 'UNSUPPORTED');
    const [, repository, kind, uploads, name = ''] = parts;
    if (repository === undefined) return void response.writeHead(200).end('{}');
    if (kind === 'manifests') return this.#manifest(request, response, { repository, reference: name, body });
    if (uploads !== undefined) return this.#upload(request, response, { repository, id: name, url, body });
    return send(request, response, { digest: name, bytes: this.#blobs.get(name), missing: 'BLOB_UNKNOWN' });
  }

  #mayEnter({ headers }: IncomingMessage): boolean {
    if (this.#login === null) return true;
    const { username, password } = this.#login;
    return headers.authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  #manifest(
    request: IncomingMessage,
    response: ServerResponse,
    { repository, reference, body }: { repository: string; reference: string; body: Buffer },
  ): void {
    const key = reference.startsWith('sha256:') ? `${repository}@${reference}` : `${repository}:${reference}`;
    if (request.method === 'PUT') {
      const manifest = { type: request.headers['content-type'] ?? '', bytes: body };
      this.#manifests.set(key, manifest).set(`${repository}@${digestOf(body)}`, manifest);
      response.writeHead(201, { Location: request.url ?? '', 'Docker-Content-Digest': digestOf(body) }).end();
      return;
    }
    const found = this.#manifests.get(key);
    const digest = found === undefined ? '' : digestOf(found.bytes);
    send(request, response, { digest, bytes: found?.bytes, missing: 'MANIFEST_UNKNOWN', type: found?.type });
  }

  #upload(
    request: IncomingMessage,
    response: ServerResponse,
    { repository, id, url, body }: { repository: string; id: string; url: URL; body: Buffer },
  ): void {
    const upload = request.method === 'POST' ? `upload-${++this.#uploadCount}` : id;
    const pieces = this.#uploads.get(upload) ?? [];
    this.#uploads.set(upload, [...pieces, body]);
    const wanted = url.searchParams.get('digest');
    if (wanted === null) {
      const bytes = [...pieces, body].reduce((sum, piece) => sum + piece.length, 0);
      const Location = `/v2/${repository}/blobs/uploads/${upload}`;
      const headers = { Location, Range: `0-${Math.max(0, bytes - 1)}`, 'Docker-Upload-UUID': upload };
      response.writeHead(202, { ...headers, 'Content-Length': 0 }).end();
      return;
    }
    const blob = Buffer.concat([...pieces, body]);
    this.#uploads.delete(upload);
    if (digestOf(blob) !== wanted) {
      refuse(response, 400, 'DIGEST_INVALID');
      return;
    }
    this.#blobs.set(wanted, blob);
    const Location = `/v2/${repository}/blobs/${wanted}`;
    response.writeHead(201, { Location, 'Docker-Content-Digest': wanted, 'Content-Length': 0 }).end();
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  found: { digest: string; bytes: Buffer | undefined; missing: string; type?: string | undefined },
): void {
  if (found.bytes === undefined) {
    refuse(response, 404, found.missing);
    return;
  }
  response.writeHead(200, {
    'Content-Type': found.type ?? 'application/octet-stream',
    'Content-Length': found.bytes.length,
    'Docker-Content-Digest': found.digest,
  });
  response.end(request.method === 'HEAD' ? undefined : found.bytes);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace('_', ' ') }] }));
}
