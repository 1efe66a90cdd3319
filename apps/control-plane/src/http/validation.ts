import { findingsOf, formatPath } from '@scrim/model';
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { ApiError } from './problem.ts';

/** More would not help anybody, and the answer is bounded. */
const MAX_PROBLEMS = 50;

/**
 * Judges requests by their zod schemas. What is wrong is worded as in a file: the place, the fault, the mend. Places in
 * the body are named as they are; others start with `params`, `querystring` or `headers`.
 */
export const validate: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (value: unknown) => {
    const result = schema.safeParse(value);
    if (result.success) return { value: result.data };
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
