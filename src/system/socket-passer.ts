import { sendSocket } from './bound-socket.ts';

/*
 * Started by program-link.ts with a connection as its IPC channel (descriptor 3) and a bound socket as descriptor 4. It
 * sends the socket over the connection and ends.
 */
sendSocket(4, () => process.disconnect());
