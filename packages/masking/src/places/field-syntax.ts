import { compileGlob } from './glob.ts';
import { PlaceError, readPattern } from './place-error.ts';

/** One step down a document. */
export interface Step {
  /** Whether it may be taken any number of levels further down (`..`). */
  readonly anyDepth: boolean;
  takes(key: string | number): boolean;
}

const EXAMPLE = 'api_key, $..api_key or $.users[*].email';

/** A cursor keeps its steps in one 32-bit integer. */
const MOST_STEPS = 30;

/** The steps of a JSON path or a bare key. @throws PlaceError. */
export function parseFieldPattern(pattern: string): readonly Step[] {
  const source = readPattern(pattern, EXAMPLE);
  const steps = source.startsWith('$') ? new PathReader(source).steps() : [bareKey(source)];
  if (steps.length > MOST_STEPS) {
    throw new PlaceError(pattern, `has ${steps.length} steps`, `use at most ${MOST_STEPS}; .. skips levels`);
  }
  return steps;
}

function bareKey(source: string): Step {
  if (/[.[\]"'@?(){}]/.test(source)) {
    const mend = `write it as a path ($..${source.replace(/^\.+/, '')}), or a key with such a character as $..['key']`;
    throw new PlaceError(source, 'is neither a bare key nor a path from $', mend);
  }
  const folded = foldKey(source);
  if (folded === '') throw new PlaceError(source, 'has no letter', `write one such as ${EXAMPLE}`);
  const glob = folded.includes('*') ? compileGlob(folded) : undefined;
  const takes =
    glob === undefined
      ? (key: string | number) => typeof key === 'string' && equalsFolded(key, folded)
      : (key: string | number) => typeof key === 'string' && glob(foldKey(key));
  return { anyDepth: true, takes };
}

/** Lower case, without `-`, `_` and white space: api_key, apiKey and API-KEY are one. */
function foldKey(key: string): string {
  return key.toLowerCase().replace(/[-_\s]/g, '');
}

/**
 * `foldKey(key) === folded`, without making a string for the keys of plain ASCII that nearly all
 * are. A plain character that differs settles it, whatever comes after.
 */
function equalsFolded(key: string, folded: string): boolean {
  let at = 0;
  for (let i = 0; i < key.length; i++) {
    let code = key.charCodeAt(i);
    if (code > 127) return foldKey(key) === folded;
    if (code === 45 || code === 95 || code === 32 || (code >= 9 && code <= 13)) continue;
    if (code >= 65 && code <= 90) code += 32;
    if (folded.charCodeAt(at++) !== code) return false;
  }
  return at === folded.length;
}

/** Reads the part of RFC 9535 that can be judged value by value: no filters, slices or functions. */
class PathReader {
  readonly #source: string;
  #at = 1;

  constructor(source: string) {
    this.#source = source;
  }

  steps(): Step[] {
    const steps: Step[] = [];
    while (this.#at < this.#source.length) steps.push(this.#step());
    return steps;
  }

  #step(): Step {
    const anyDepth = this.#skip('..');
    const dotted = anyDepth || this.#skip('.');
    if (this.#skip('[')) {
      if (dotted && !anyDepth) throw this.#error('has .[', 'leave the dot out: [');
      return { anyDepth, takes: this.#selector() };
    }
    if (!dotted) throw this.#error(`has ${this.#rest()} where a step is due`, 'start a step with . or [');
    if (this.#skip('*')) return { anyDepth, takes: () => true };
    return { anyDepth, takes: exactly(this.#name()) };
  }

  #name(): string {
    const name = /^[\p{L}\p{M}\p{N}_$-]+/u.exec(this.#source.slice(this.#at))?.[0];
    if (name === undefined)
      throw this.#error(`has ${this.#rest()} where a name is due`, "write other names as ['name']");
    this.#at += name.length;
    if (this.#source[this.#at] === '*')
      throw this.#error('has * within a name', 'use * for a whole step, or a bare key such as *_token');
    return name;
  }

  #selector(): Step['takes'] {
    const rest = this.#source.slice(this.#at);
    const whole = /^\s*(?:(\*)|(0|[1-9]\d{0,14})|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))\s*\]/s.exec(rest);
    if (whole === null) {
      throw this.#error(
        `has [${rest.slice(0, 20)}`,
        "use [*], [0] or ['name']; filters, slices and lists are not supported",
      );
    }
    this.#at += whole[0].length;
    if (whole[1] !== undefined) return () => true;
    if (whole[2] === undefined) return exactly(this.#unquote(whole[3]!));
    const index = Number(whole[2]);
    return (key) => key === index;
  }

  #unquote(quoted: string): string {
    const inner = quoted.slice(1, -1);
    // In JSON's spelling: a double quote is escaped, a single one is not.
    const json = quoted.startsWith("'")
      ? inner.replace(/\\.|"/gs, (part) => (part === "\\'" ? "'" : part === '"' ? '\\"' : part))
      : inner;
    try {
      return JSON.parse(`"${json}"`) as string;
    } catch {
      throw this.#error(`has ${quoted}`, 'use the escapes of JSON');
    }
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #rest(): string {
    return this.#at < this.#source.length
      ? JSON.stringify(this.#source.slice(this.#at, this.#at + 20))
      : 'its end';
  }

  #error(problem: string, mend: string): PlaceError {
    return new PlaceError(this.#source, problem, mend);
  }
}

function exactly(name: string): Step['takes'] {
  return (key) => key === name;
}
