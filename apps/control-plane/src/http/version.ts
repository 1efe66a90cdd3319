import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ApiError, invalid } from './problem.ts';

/** For the schema of routes that change something versioned. */
export const ifMatch = z.object({
  'if-match': z.string().max(40).optional().describe('version the change is based on, as the ETag gave it'),
});

/** The version a change is based on (RFC 9110 section 13.1.1); undefined = whatever it is now. */
export function expectedVersion(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match'];
  if (header === undefined || header === '*') return undefined;
  const match = /^"?(\d{1,9})"?$/.exec(header);
  if (match) return Number(match[1]);
  throw invalid(
    'headers.if-match',
    `"${header}" is no version`,
    'send the ETag of the answer the change is based on',
  );
}

/** Refuses a change that is based on another version than the present one. */
export function requireVersion(what: string, present: number, expected: number | undefined): void {
  if (expected === undefined || expected === present) return;
  throw new ApiError('SCRIM_API_VERSION_CONFLICT', {
    detail: `${what} is at version ${present}, the change is based on version ${expected}`,
    mend: 'read it again, make the change on what it is now, and send its new ETag in If-Match',
  });
}

export function setVersion(reply: FastifyReply, version: number): void {
  reply.header('etag', `"${version}"`);
}
