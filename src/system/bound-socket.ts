import net, { connect, Socket } from 'node:net';

/**
 * A bound socket that nobody accepts from in this process. Whoever inherits `fd` may listen on it. Connections wait in
 * the kernel while no process accepts, as long as one process has it open.
 */
export interface BoundSocket {
  readonly fd: number;
  readonly address: { readonly host: string; readonly port: number };
  close(): void;
}

/** What `node:cluster` and the sending of handles use in Node; it has no types. */
interface Handle {
  readonly fd: number;
  getsockname(out: { address?: string; port?: number }): number;
  close(): void;
}
type CreateHandle = (host: string | null, port: number | null, family: 4 | 6 | null, fd?: number) => Handle | number;
const createHandle = (net as unknown as { readonly _createServerHandle: CreateHandle })._createServerHandle;

/** `port` 0 chooses a free one. Returns the error's number (errno, negative) when it cannot be bound. */
export function bindSocket(address: string, port: number, family: 4 | 6): BoundSocket | number {
  return boundOf(createHandle(address, port, family));
}

/** A socket that this process inherited. Null when the descriptor is no bound TCP socket. */
export function inheritedSocket(fd: number): BoundSocket | null {
  try {
    const bound = boundOf(createHandle(null, null, null, fd));
    return typeof bound === 'number' ? null : bound;
  } catch {
    return null;
  }
}

/** A process that was started with this descriptor as its IPC channel sends the socket to whoever has the other end. */
export function sendSocket(socket: number, sent: () => void): void {
  const handle = createHandle(null, null, null, socket);
  if (typeof handle === 'number') throw new Error(`Descriptor ${socket} is no socket: ${handle}.`);
  process.send?.('socket', handle as never, {}, sent);
}

/**
 * Asks at a unix socket for the socket that another process has bound: writes `request` and takes what `sendSocket`
 * sends there. Null when it does not come within `timeoutMs`, or where Node no longer works in this way.
 */
export function receiveSocket(path: string, request: string, timeoutMs: number): Promise<BoundSocket | null> {
  return new Promise((resolve) => {
    const channel = ipcSocket();
    if (!channel) return resolve(null);
    const end = (bound: BoundSocket | null) => {
      clearTimeout(late);
      resolve(bound);
      channel.destroy();
    };
    const late = setTimeout(() => end(null), timeoutMs);
    channel.on('error', () => end(null)).on('close', () => end(null));
    channel.on('data', () => {
      const received = (channel as unknown as { readonly _handle?: { readonly pendingHandle?: Handle } })._handle;
      if (!received?.pendingHandle) return;
      const bound = boundOf(received.pendingHandle);
      // Without it the sender keeps its handle and waits.
      channel.write('{"cmd":"NODE_HANDLE_ACK"}\n', () => end(typeof bound === 'number' ? null : bound));
    });
    channel.connect(path);
    channel.write(request);
  });
}

/** A socket that is not connected yet, and takes descriptors from the other end. */
function ipcSocket(): Socket | null {
  // Node exports no constructor of such pipes, but every unix socket has one.
  const plain = connect('/nonexistent').on('error', () => undefined);
  const { _handle } = plain as unknown as { readonly _handle?: { readonly constructor: new (type: 2) => object } };
  try {
    return _handle ? new Socket({ handle: new _handle.constructor(2), manualStart: true } as object) : null;
  } catch {
    return null;
  } finally {
    plain.destroy();
  }
}

function boundOf(handle: Handle | number): BoundSocket | number {
  if (typeof handle === 'number') return handle;
  const name: { address?: string; port?: number } = {};
  // A port that is taken is reported here, and not when it is bound.
  const error = handle.getsockname(name);
  if (error !== 0) {
    handle.close();
    return error;
  }
  const address = { host: name.address ?? '', port: name.port ?? 0 };
  return { fd: handle.fd, address, close: () => handle.close() };
}
