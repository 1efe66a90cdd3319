import type { Operator } from '../operators/index.ts';
import type { FieldCursor, FieldMatcher } from './field-pattern.ts';
import {
  decodeString,
  endOfScalar,
  endOfString,
  isJsonNumber,
  JsonShapeError,
  skipSpace,
} from './json-scanner.ts';

/** What to do with the values a pattern means. */
export interface FieldRule {
  readonly matcher: FieldMatcher;
  readonly operator: Operator;
  /** Id under which a hit is reported. */
  readonly rule: string;
}

/** A content detector: the decoded text of a leaf in, what shall be there out. */
export type LeafMask = (value: string, key: string | undefined) => string;

/** Containers within each other; deeper documents are refused, so that nobody exhausts our memory. */
export const DEEPEST_JSON = 1000;

/** Fewer digits are no card, account or phone number worth asking the detectors about. */
const DIGITS_WORTH_ASKING = 9;

const MANY_DIGITS = new RegExp(`\\d{${DIGITS_WORTH_ASKING}}`);

/**
 * Masks a JSON text: values a rule means get its operator (the first rule wins), other string
 * leaves, keys and long numbers go through `leaf`. Everything else stays as it was written:
 * numbers, key order, duplicate keys, white space, escapes. Returns `text` itself when nothing
 * changed.
 *
 * A masked string stays a string, a number a number, a bool a bool, an object becomes {} and an
 * array []; the null operator writes null. A null stays null.
 * @param onHit called once for each value a rule changed; never with the value.
 * @param leaf gets the nearest key above the value; for a key itself, undefined.
 * @throws JsonShapeError when the text is not JSON, or nested deeper than {@link DEEPEST_JSON}.
 *   Nothing may be passed on then: what was not read was not masked.
 */
export function maskJson(
  text: string,
  rules: readonly FieldRule[],
  onHit: (rule: string) => void,
  leaf?: LeafMask,
): string {
  return new JsonMasking(text, rules, onHit, leaf).run();
}

interface Container {
  readonly isObject: boolean;
  /** Key of the container itself, or the nearest above it. */
  readonly key: string | undefined;
  index: number;
}

/** One walk over one text. It copies what it passes and holds containers on a stack of its own. */
class JsonMasking {
  readonly #text: string;
  readonly #rules: readonly FieldRule[];
  readonly #cursors: readonly FieldCursor[];
  readonly #onHit: (rule: string) => void;
  readonly #leaf: LeafMask | undefined;
  readonly #open: Container[] = [];
  #at = 0;
  #out = '';
  #copied = 0;
  #key: string | undefined;
  /** The outermost masked container the walk is in; what lies in it is only checked for shape. */
  #masked: { readonly rule: FieldRule; readonly start: number; readonly depth: number } | undefined;

  constructor(
    text: string,
    rules: readonly FieldRule[],
    onHit: (rule: string) => void,
    leaf: LeafMask | undefined,
  ) {
    this.#text = text;
    this.#rules = rules;
    this.#cursors = rules.map((rule) => rule.matcher.start());
    this.#onHit = onHit;
    this.#leaf = leaf;
  }

  run(): string {
    do this.#value();
    while (this.#next());
    this.#at = skipSpace(this.#text, this.#at);
    if (this.#at < this.#text.length) throw new JsonShapeError('text after the value', this.#at);
    return this.#copied === 0 ? this.#text : this.#out + this.#text.slice(this.#copied);
  }

  /** Reads a scalar whole; of a container only its opening, and of an empty one all. */
  #value(): void {
    for (;;) {
      const start = skipSpace(this.#text, this.#at);
      const char = this.#text[start];
      const rule = this.#ruleHere();
      if (char !== '{' && char !== '[') {
        this.#scalar(start, rule);
        return;
      }
      if (this.#open.length >= DEEPEST_JSON)
        throw new JsonShapeError(`nested deeper than ${DEEPEST_JSON}`, start);
      if (rule !== undefined) this.#masked = { rule, start, depth: this.#open.length };
      this.#open.push({ isObject: char === '{', key: this.#key, index: 0 });
      this.#at = skipSpace(this.#text, start + 1);
      if (this.#text[this.#at] === (char === '{' ? '}' : ']')) {
        this.#at++;
        this.#close();
        return;
      }
      if (char === '{') this.#memberKey();
      else this.#enter(0);
    }
  }

  /** Moves on to the next value; false at the end of the outermost one. */
  #next(): boolean {
    for (let container = this.#open.at(-1); container !== undefined; container = this.#open.at(-1)) {
      this.#leave();
      this.#key = container.key;
      this.#at = skipSpace(this.#text, this.#at);
      const char = this.#text[this.#at++];
      if (char === ',') {
        if (container.isObject) this.#memberKey();
        else this.#enter(++container.index);
        return true;
      }
      if (char !== (container.isObject ? '}' : ']')) {
        throw new JsonShapeError('neither a comma nor the end of the container', this.#at - 1);
      }
      this.#close();
    }
    return false;
  }

  #memberKey(): void {
    const start = skipSpace(this.#text, this.#at);
    if (this.#text[start] !== '"') throw new JsonShapeError('no key where one is due', start);
    const end = endOfString(this.#text, start);
    this.#at = skipSpace(this.#text, end);
    if (this.#text[this.#at++] !== ':') throw new JsonShapeError('no colon after a key', this.#at - 1);
    const key = decodeString(this.#text, start, end);
    this.#enter(key);
    this.#key = key;
    if (this.#masked !== undefined || this.#leaf === undefined) return;
    const shown = this.#leaf(key, undefined);
    if (shown !== key) this.#replace(start, end, JSON.stringify(shown));
  }

  #enter(key: string | number): void {
    if (this.#masked !== undefined) return;
    for (const cursor of this.#cursors) cursor.push(key);
  }

  #leave(): void {
    if (this.#masked !== undefined) return;
    for (const cursor of this.#cursors) cursor.pop();
  }

  #close(): void {
    const container = this.#open.pop()!;
    const masked = this.#masked;
    if (masked === undefined || this.#open.length !== masked.depth) return;
    this.#masked = undefined;
    const { rule, start } = masked;
    const empty = container.isObject ? '{}' : '[]';
    const standIn = rule.operator.name === 'null' ? 'null' : empty;
    // White space within an empty container is no value; it stays as it was.
    const wasEmpty = standIn === empty && this.#text.slice(start + 1, this.#at - 1).trim() === '';
    if (!wasEmpty) this.#hit(rule, start, this.#at, standIn);
  }

  #ruleHere(): FieldRule | undefined {
    if (this.#masked !== undefined) return undefined;
    for (let i = 0; i < this.#cursors.length; i++) if (this.#cursors[i]!.matched) return this.#rules[i];
    return undefined;
  }

  #scalar(start: number, rule: FieldRule | undefined): void {
    const isString = this.#text[start] === '"';
    const end = isString ? endOfString(this.#text, start) : endOfScalar(this.#text, start);
    this.#at = end;
    if (this.#masked !== undefined || (rule === undefined && this.#leaf === undefined)) return;
    const value = isString ? decodeString(this.#text, start, end) : this.#text.slice(start, end);
    if (rule === undefined) this.#maskLeaf(value, isString, start, end);
    else if (isString || value !== 'null') this.#maskScalar(value, isString, rule, start, end);
  }

  #maskScalar(value: string, isString: boolean, rule: FieldRule, start: number, end: number): void {
    const isBool = !isString && /^[tf]/.test(value);
    const result = rule.operator.apply(value, { type: isString ? 'text' : isBool ? 'bool' : 'numeric' });
    if (result === value) return;
    if (result === null) this.#hit(rule, start, end, 'null');
    else if (isString) this.#hit(rule, start, end, JSON.stringify(result));
    // An operator of another house might write what JSON does not take; fail closed, within the type.
    else if (isBool) this.#hit(rule, start, end, 'false');
    else this.#hit(rule, start, end, isJsonNumber(result) ? result : '0');
  }

  #maskLeaf(value: string, isString: boolean, start: number, end: number): void {
    if (!isString && !MANY_DIGITS.test(value)) return;
    const result = this.#leaf!(value, this.#key);
    if (result === value) return;
    if (isString) this.#replace(start, end, JSON.stringify(result));
    else this.#replace(start, end, isJsonNumber(result) ? result : '0');
  }

  #hit(rule: FieldRule, start: number, end: number, by: string): void {
    this.#replace(start, end, by);
    this.#onHit(rule.rule);
  }

  #replace(start: number, end: number, by: string): void {
    this.#out += this.#text.slice(this.#copied, start) + by;
    this.#copied = end;
  }
}
