import { z } from 'zod';
import { invalid } from './problem.ts';

/** Query of every list: how many, and where to go on. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('entries in one answer'),
  cursor: z.string().max(512).optional().describe('`next` of the answer before'),
});
export type PageQuery = z.infer<typeof pageQuery>;

/** The answer of every list. */
export interface Page<T> {
  readonly items: T[];
  /** Absent on the last page. */
  readonly next?: string;
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().optional().describe('cursor of the next page') });
}

/** A cursor is opaque to clients: the key of the last entry, so that entries added meanwhile shift nothing. */
export function encodeCursor(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

/** The key inside a cursor; `pattern` keeps made-up ones from reaching the database. */
export function decodeCursor(
  cursor: string | undefined,
  pattern: RegExp = /^[^\0]{1,300}$/,
): string | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (pattern.test(key) && encodeCursor(key) === cursor) return key;
  throw invalid('cursor', 'is none that this list gave', 'leave it out to start again');
}

/** Cuts `limit + 1` rows down to a page. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  keyOf: (row: R) => string,
  view: (row: R) => T,
): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(view),
    ...(rows.length > limit && last !== undefined && { next: encodeCursor(keyOf(last)) }),
  };
}
