import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, type ApiProblemCode, problemBody } from './problem.ts';

const FASTIFY_CODES: Readonly<Record<string, readonly [ApiProblemCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['SCRIM_API_TOO_LARGE', 'the body is larger than this control plane takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['SCRIM_API_MEDIA_TYPE', 'send content-type: application/json'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['SCRIM_API_MALFORMED', 'the body is empty, but the content type says JSON'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['SCRIM_API_MALFORMED', 'the body is no JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['SCRIM_API_MALFORMED', 'content-length does not fit the body'],
};

/** Codes of PostgreSQL, Prisma and the network that mean "away", not "wrong". */
const AWAY = /^(P1001|P1002|P1008|P1017|P2024|P2037|ECONNREFUSED|ECONNRESET|57P0[123]|53300|08\w{3})$/;

function isAway(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false;
  const { code, message, cause, meta } = error as Record<string, unknown>;
  if (typeof code === 'string' && AWAY.test(code)) return true;
  if (
    typeof message === 'string' &&
    /timeout exceeded when trying to connect|Connection terminated/.test(message)
  )
    return true;
  const driver = (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
  return isAway(cause, depth + 1) || isAway(driver, depth + 1);
}

/** Turns whatever was thrown into the one error shape. What is not understood says nothing but "failed". */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const { code, statusCode } = (
    typeof error === 'object' && error !== null ? error : {}
  ) as Partial<FastifyError>;
  const known = code === undefined ? undefined : FASTIFY_CODES[code];
  if (known) return new ApiError(known[0], { detail: known[1] }, error);
  if (statusCode === 429) {
    const mend = 'wait as long as the retry-after header says';
    return new ApiError(
      'SCRIM_API_RATE_LIMITED',
      { detail: 'too many requests from this address', mend },
      error,
    );
  }
  // JSON that names __proto__, and whatever else the parser refuses.
  if (statusCode === 400)
    return new ApiError('SCRIM_API_MALFORMED', { detail: 'the body is no JSON' }, error);
  if (isAway(error)) {
    const mend = 'try again in a few seconds; /readyz tells when it is back';
    return new ApiError('SCRIM_API_UNAVAILABLE', { detail: 'the database is away', mend }, error);
  }
  const mend = "quote the instance id; the control plane's log holds the cause";
  return new ApiError('SCRIM_API_INTERNAL', { detail: 'an unexpected error', mend }, error);
}

/** Fastify's error handler: problem+json out, the cause into the log. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const apiError = toApiError(error);
  if (apiError.status >= 500) request.log.error({ err: apiError }, 'request failed');
  if (apiError.status === 401) reply.header('www-authenticate', 'Bearer realm="scrim"');
  return reply
    .code(apiError.status)
    .type('application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemBody(apiError, request.id));
}
