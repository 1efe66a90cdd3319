import type { FieldRule, LeafMask } from '../places/index.ts';

/** What maskers of texts with fields are made from. */
export interface FieldTextOptions {
  readonly fields: readonly FieldRule[];
  /** Called for each value a field rule replaced; never with the value. */
  readonly onHit: (rule: string) => void;
  /** What detectors make of a value; absent = none looks. */
  readonly leaf?: LeafMask;
}

/** A record that is too long to be held, or that cannot be read. It quotes none of it. */
export class FieldTextError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'FieldTextError';
  }
}

/** Bytes of one record (a pair, a line, a tag) held at most. */
export const LONGEST_RECORD = 1024 * 1024;

/** Joins a piece to what is held of the one before; letters cut in half wait. */
export class TextFeed {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  take(chunk: Uint8Array, last: boolean): string {
    try {
      return this.#decoder.decode(chunk, { stream: !last });
    } catch {
      throw new FieldTextError('the text is no UTF-8');
    }
  }
}

/** The value under the first rule that means the path, else what the detectors make of it. */
export function maskField(options: FieldTextOptions, path: readonly string[], value: string): string {
  const rule = options.fields.find((it) => meansAny(it, path));
  if (!rule) return options.leaf ? options.leaf(value, path.at(-1)) : value;
  const shown = rule.operator.apply(value, { type: 'text' }) ?? '';
  if (shown !== value) options.onHit(rule.rule);
  return shown;
}

/** What lies in something a rule means is meant as well. */
function meansAny({ matcher }: FieldRule, path: readonly string[]): boolean {
  for (let depth = path.length; depth > 0; depth--)
    if (matcher.matchesPath(path.slice(0, depth))) return true;
  return false;
}
