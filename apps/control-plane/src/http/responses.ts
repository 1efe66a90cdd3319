import type { z } from 'zod';
import { problemSchema } from './problem.ts';

/** The answers of a route: what it gives, and the one error shape. */
export function answers<S extends z.ZodType>(
  ok: S,
): { 200: S; '4xx': typeof problemSchema; '5xx': typeof problemSchema } {
  return { 200: ok, '4xx': problemSchema, '5xx': problemSchema };
}
