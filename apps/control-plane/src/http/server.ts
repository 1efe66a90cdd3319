import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { Log } from '@scrim/telemetry';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  LogController,
  type RawServerDefault,
} from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Authenticate, guardRoutes } from '../auth/access.ts';
import type { Config } from '../config.ts';
import { answerError } from './errors.ts';
import { ApiError } from './problem.ts';
import { validate } from './validation.ts';

/** The server with zod schemas in its route types. Modules register their routes on it. */
export type Server = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Ids of clients are kept for tracing across systems, but only plain ones: they go into logs and answers. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** A server without routes: ids, limits, headers, errors and access checks in place. */
export async function createServer(config: Config, log: Log, authenticate: Authenticate): Promise<Server> {
  const server = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    // The metrics hook writes one line a request, at debug level; bodies are never logged.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.bodyLimit,
    trustProxy: (_address: string, hop: number) => hop < config.trustedProxies,
    requestTimeout: 60_000,
    connectionTimeout: 120_000,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
  }).withTypeProvider<ZodTypeProvider>();
  server.setValidatorCompiler(validate);
  server.setSerializerCompiler(serializerCompiler);
  server.setErrorHandler(answerError);
  server.setNotFoundHandler((request, reply) => {
    const detail = `there is no ${request.method} ${request.url.split('?')[0]}`;
    const mend = 'see /docs for what there is';
    return answerError(new ApiError('SCRIM_API_NOT_FOUND', { detail, mend }), request, reply);
  });
  server.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
    // Answers hold who may do what; no cache between us and the caller may keep them.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  await server.register(helmet, {
    contentSecurityPolicy: {
      directives: { 'style-src': ["'self'", "'unsafe-inline'"], 'upgrade-insecure-requests': null },
    },
    strictTransportSecurity: config.publicUrl.startsWith('https:'),
  });
  await server.register(rateLimit, { max: config.rateLimit, timeWindow: 60_000 });
  guardRoutes(server, authenticate);
  return server;
}
