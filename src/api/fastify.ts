import type { Server } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { PlatformError } from '../domain/errors.ts';
import type { Logger } from '../system/logger.ts';
import { errorAnswer } from './error-body.ts';
import { parseJson } from './json-body.ts';
import { clientRequestIds, requestId } from './request-id.ts';

const bodyLimitBytes = 1024 * 1024;
const bodyTypes = ['application/json', 'application/vnd.heroku+json'];

/**
 * Fastify for the API: JSON bodies, the platform's errors, an id on every answer. The caller owns and closes the
 * server.
 */
export function createFastify(logger: Logger, server: Server): FastifyInstance {
  const app = fastify({
    serverFactory: () => server,
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    genReqId: (request) => requestId(request),
    frameworkErrors: (error, request, reply: FastifyReply) => {
      const { status, body } = errorAnswer(error, request.id);
      void reply.code(status).header('Request-Id', request.id).send(body);
    },
    routerOptions: { maxParamLength: 512 },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(bodyTypes, { parseAs: 'string' }, async (_: unknown, body: string | Buffer) =>
    parseJson(body.toString()),
  );
  app.addHook('onRequest', async (request, reply) => {
    // On the raw response, so that streams have them too.
    reply.raw.setHeader('Request-Id', request.id);
    reply.raw.setHeader('X-Content-Type-Options', 'nosniff');
    // Before the body is read, which Fastify would do first.
    if (request.is404) throw missing();
  });
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern and not the address, because some addresses are secrets.
    logger.debug('Answered a request.', {
      requestId: request.id,
      clientRequestIds: clientRequestIds(request.raw),
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
    });
  });
  app.setErrorHandler(async (error, request, reply) => {
    const { status, body } = errorAnswer(error, request.id);
    // Nobody has shown a token, so nobody keeps a connection.
    if (status === 401 || status === 429) reply.raw.shouldKeepAlive = false;
    if (status === 429) reply.header('Retry-After', '10');
    if (status === 500)
      logger.error('A request failed by a defect.', { requestId: request.id, route: request.routeOptions.url, error });
    return reply.code(status).send(body);
  });
  return app;
}

function missing(): PlatformError {
  return new PlatformError('not_found', 'The requested API endpoint was not found.', {
    hint: 'See the list of endpoints: GET /schema',
  });
}
