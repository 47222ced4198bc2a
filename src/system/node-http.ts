import type * as http from 'node:http';

/**
 * node:http for the whole platform. An `import` of it reads every name that it exports, and one of them is a getter
 * that loads Node's whole fetch and WebSocket client (undici): 10 MB and 20 ms in each process that never uses it. This
 * file reads only the names below. Types may be imported from node:http as usual.
 */
export const { Agent, createServer, IncomingMessage, request, ServerResponse, STATUS_CODES } =
  process.getBuiltinModule('node:http');

export type Agent = http.Agent;
export type IncomingMessage = http.IncomingMessage;
export type ServerResponse = http.ServerResponse;
