import { findingsOf, formatPath, type ProblemPath } from '@scrim/model';
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { ApiError, invalid } from './problem.ts';

/** More would not help anybody, and the answer is bounded. */
const MAX_PROBLEMS = 50;

/** PostgreSQL stores neither U+0000 nor lone surrogates: they would come back as an internal error. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

function unstorablePath(value: unknown): ProblemPath | undefined {
  if (typeof value === 'string') return UNSTORABLE.test(value) ? [] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, entry] of Object.entries(value)) {
    // A key that cannot be stored is named by its parent: it could not be printed either.
    if (unstorablePath(key)) return [];
    const path = unstorablePath(entry);
    if (path) return [Array.isArray(value) ? Number(key) : key, ...path];
  }
  return undefined;
}

/**
 * Judges requests by their zod schemas. What is wrong is worded as in a file: the place, the fault, the mend. Places in
 * the body are named as they are; others start with `params`, `querystring` or `headers`.
 */
export const validate: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (value: unknown) => {
    const result = schema.safeParse(value);
    if (result.success) {
      const unstorable = unstorablePath(result.data);
      if (unstorable === undefined) return { value: result.data };
      const at = httpPart === undefined || httpPart === 'body' ? unstorable : [httpPart, ...unstorable];
      return {
        error: invalid(formatPath(at) || 'body', 'holds a NUL or half a character', 'send plain text'),
      };
    }
    const part = httpPart === undefined || httpPart === 'body' ? [] : [httpPart];
    const findings = findingsOf(schema, value).slice(0, MAX_PROBLEMS);
    const problems = findings.map(({ path, message, mend }) => {
      return { path: formatPath([...part, ...path]) || 'body', message, mend };
    });
    const [first] = problems;
    return {
      error: new ApiError('SCRIM_API_INVALID', {
        detail: first ? `${first.path}: ${first.message}` : `the ${httpPart ?? 'body'} is wrong`,
        problems,
        ...(first && { field: first.path, mend: first.mend }),
      }),
    };
  };
};
