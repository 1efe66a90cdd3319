import { isDeepStrictEqual } from 'node:util';

/** One value that changes. */
export interface ValueChange {
  /** `target.port`, `mask[2].with`. */
  readonly path: string;
  /** Absent when there was none. */
  readonly before?: unknown;
  /** Absent when there is none any more. */
  readonly after?: unknown;
}

/** What one entry of a document does. */
export interface Change {
  readonly kind: 'connection' | 'policy';
  readonly name: string;
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  readonly changes?: readonly ValueChange[];
}

type Branch = Readonly<Record<string, unknown>>;

function isBranch(value: unknown): value is Branch {
  return typeof value === 'object' && value !== null;
}

function join(path: string, key: string, inList: boolean): string {
  if (inList) return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** Every leaf that differs, in the order of the keys. Compares what it is given: hide secrets first. */
export function differences(before: unknown, after: unknown, path = ''): ValueChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
  const inList = Array.isArray(before);
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], join(path, key, inList)));
}
