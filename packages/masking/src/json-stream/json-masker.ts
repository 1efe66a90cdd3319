import type { FieldRule, LeafMask } from '../places/index.ts';
import { DEEPEST_JSON, isJsonNumber, JsonShapeError } from '../places/index.ts';
import type { ByteMasker } from '../stream/index.ts';
import { Carry } from './carry.ts';
import { CleanStretch } from './clean-stretch.ts';
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  CUT_SCALAR,
  isSpace,
  LONG_NUMBER,
  markLength,
  NO_SCALAR,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  readString,
  SCALAR_BYTES,
  type StringEnd,
  scalarKind,
  WORD,
  wholeLetters,
} from './json-bytes.ts';
import { asciiOf, isKeyAt, type Key, KeyNames, textOf } from './key-names.ts';
import type { JsonMaskerOptions } from './options.ts';
import { Output } from './output.ts';
import { RuleCursors } from './rule-cursors.ts';
import {
  AFTER_KEY,
  AFTER_VALUE,
  BETWEEN,
  FIRST_ELEMENT,
  FIRST_KEY,
  KEY,
  PASSING_STRING,
  VALUE,
} from './states.ts';

/** Bytes of one string that are held to be judged as a whole; detectors judge no whole value longer than 4 KiB. */
const LONGEST_LEAF = 16 * 1024;
/** Digits of a number; more is an attack. */
const LONGEST_SCALAR = 4 * 1024;
const RECORD_SEPARATOR = 0x1e;

/**
 * Masks JSON as it flows: the same result as `maskJson` for every way to cut the bytes, in memory that depends on the
 * depth and the longest short string only. Documents may follow each other (NDJSON, RFC 7464 sequences). What ends in
 * the middle of a document is masked as far as it goes.
 * @throws JsonShapeError from `push` and `flush` when the bytes are no JSON. Nothing may be passed on then.
 */
export function createJsonMasker(options: JsonMaskerOptions): ByteMasker {
  return new JsonStream(options);
}

/** What becomes of a string too long to be held: it is masked as text, or left out. */
type LongString = ByteMasker | 'pass' | 'drop';

class JsonStream implements ByteMasker {
  readonly #options: JsonMaskerOptions;
  readonly #rules: RuleCursors;
  readonly #keys: KeyNames;
  readonly #clean: CleanStretch | undefined;
  readonly #out = new Output();
  readonly #string: StringEnd = { end: 0, read: 0, escaped: false, wide: false };
  readonly #carry = new Carry();
  /** How far into the unread token the last look came. */
  #resume = 0;
  #offset = 0;
  #begun = false;
  #state = BETWEEN;
  #depth = 0;
  /** By depth: object or array, the nearest key, the index of the element under way. */
  readonly #isObject: number[] = [0];
  readonly #keyOf: (Key | undefined)[] = [undefined];
  readonly #index: number[] = [0];
  #key: Key | undefined;
  /** The key read last, wherever it stood. */
  #lastKey: Key | undefined;
  /** Depth of the outermost masked container; -1 = none. What lies in it is checked for shape and left out. */
  #maskedDepth = -1;
  #maskedRule: FieldRule | undefined;
  /** Nothing but white space was seen of the masked container. */
  #maskedEmpty = false;
  #long: LongString = 'pass';
  /** Where its inside begins in the bytes under way. */
  #emptyFrom = 0;

  constructor(options: JsonMaskerOptions) {
    this.#options = options;
    this.#rules = new RuleCursors(options.fields);
    this.#clean = options.scanner && new CleanStretch(options.scanner);
    this.#keys = KeyNames.of(options.scanner);
  }

  get held(): number {
    return this.#carry.length + (typeof this.#long === 'string' ? 0 : this.#long.held);
  }

  push(chunk: Uint8Array): Uint8Array {
    const carry = this.#carry;
    if (carry.length === 0) {
      const read = this.#read(chunk, chunk.length);
      if (read < chunk.length) carry.append(chunk.subarray(read));
      return this.#out.take();
    }
    carry.append(chunk);
    const read = this.#read(carry.bytes, carry.length);
    const shown = this.#out.take(carry.bytes);
    carry.drop(read);
    return shown;
  }

  flush(): Uint8Array {
    const { bytes, length: end } = this.#carry;
    const read = this.#read(bytes, end, true);
    if (read < end) this.#cutToken(bytes.subarray(read, end));
    if (this.#state === PASSING_STRING && typeof this.#long !== 'string') this.#out.add(this.#long.flush());
    const rest = this.#out.take(bytes);
    this.#reset();
    return rest;
  }

  release(): Uint8Array {
    return NOTHING;
  }

  #reset(): void {
    while (this.#depth > 0) this.#leave(this.#depth--);
    this.#carry.drop(this.#carry.length);
    this.#resume = 0;
    this.#offset = 0;
    this.#begun = false;
    this.#state = BETWEEN;
    this.#key = undefined;
    this.#lastKey = undefined;
    this.#maskedDepth = -1;
    this.#long = 'pass';
  }

  /** Reads tokens from the beginning of the bytes; returns how many bytes are done with. */
  #read(bytes: Uint8Array, end: number, final = false): number {
    this.#out.open(bytes);
    this.#clean?.open(bytes, end);
    let at = this.#begun ? 0 : this.#start(bytes, end, final);
    if (at < 0) return 0;
    this.#emptyFrom = 0;
    while (at < end) {
      const byte = bytes[at] as number;
      if (this.#state === PASSING_STRING) {
        const next = this.#passString(bytes, at, end);
        if (next === at) break;
        at = next;
        continue;
      }
      if (isSpace(byte) || (byte === RECORD_SEPARATOR && this.#state === BETWEEN)) {
        at++;
        continue;
      }
      const next = this.#token(bytes, byte, at, end, final);
      if (next === at) break;
      this.#resume = 0;
      at = next;
    }
    // Whether white space in a masked container is shown depends on what comes behind it.
    if (this.#maskedDepth >= 0 && this.#maskedEmpty && !final && at - this.#emptyFrom <= LONGEST_LEAF)
      at = this.#emptyFrom;
    this.#out.show(at, this.#hides());
    this.#offset += at;
    return at;
  }

  /** Passes a byte order mark; -1 = it cannot be told yet. */
  #start(bytes: Uint8Array, end: number, final: boolean): number {
    const length = markLength(bytes, end, final);
    this.#begun = end > 0 && length >= 0;
    return length;
  }

  #fault(problem: string, at: number): JsonShapeError {
    return new JsonShapeError(problem, this.#offset + at);
  }

  /** Whether what is read now is left out. */
  #hides(): boolean {
    return this.#maskedDepth >= 0 && !this.#maskedEmpty;
  }

  /** Reads one token; returns its end, or `at` when it is not all there. */
  #token(bytes: Uint8Array, byte: number, at: number, end: number, final: boolean): number {
    switch (this.#state) {
      case AFTER_KEY:
        if (byte !== COLON) throw this.#fault('no colon after a key', at);
        this.#state = VALUE;
        return at + 1;
      case AFTER_VALUE:
        return this.#afterValue(byte, at);
      case FIRST_KEY:
        if (byte === CLOSE_OBJECT) return this.#close(at);
        return this.#memberKey(bytes, byte, at, end);
      case KEY:
        return this.#memberKey(bytes, byte, at, end);
      case FIRST_ELEMENT:
        if (byte === CLOSE_ARRAY) return this.#close(at);
        this.#unhide(at);
        this.#enter(0);
        this.#state = VALUE;
        return this.#value(bytes, byte, at, end, final);
      default:
        return this.#value(bytes, byte, at, end, final);
    }
  }

  /** The first thing in a masked container: from here on nothing of it is shown. */
  #unhide(at: number): void {
    if (this.#maskedDepth < 0 || !this.#maskedEmpty) return;
    this.#maskedEmpty = false;
    this.#out.dropTo(at);
    this.#options.onHit((this.#maskedRule as FieldRule).rule);
  }

  #value(bytes: Uint8Array, byte: number, at: number, end: number, final: boolean): number {
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) return this.#open(byte === OPEN_OBJECT, at);
    const rule = this.#maskedDepth < 0 ? this.#rules.here() : undefined;
    if (byte === QUOTE) return this.#stringValue(bytes, at, end, rule);
    return this.#scalar(bytes, at, end, final, rule);
  }

  #open(isObject: boolean, at: number): number {
    if (this.#depth >= DEEPEST_JSON) throw this.#fault(`nested deeper than ${DEEPEST_JSON}`, at);
    const rule = this.#maskedDepth < 0 ? this.#rules.here() : undefined;
    if (rule) this.#mask(rule, at);
    this.#depth++;
    this.#isObject[this.#depth] = isObject ? 1 : 0;
    this.#keyOf[this.#depth] = this.#key;
    this.#index[this.#depth] = 0;
    this.#state = isObject ? FIRST_KEY : FIRST_ELEMENT;
    return at + 1;
  }

  #mask(rule: FieldRule, at: number): void {
    this.#maskedRule = rule;
    this.#maskedDepth = this.#depth;
    this.#maskedEmpty = true;
    if (rule.operator.name !== 'null') {
      this.#out.show(at + 1, false);
      this.#emptyFrom = at + 1;
      return;
    }
    this.#out.show(at, false);
    this.#out.text('null');
    this.#maskedEmpty = false;
    this.#options.onHit(rule.rule);
  }

  #close(at: number): number {
    this.#depth--;
    if (this.#depth === this.#maskedDepth) {
      const toNull = this.#maskedRule?.operator.name === 'null';
      if (!this.#maskedEmpty) this.#out.dropTo(toNull ? at + 1 : at);
      this.#maskedDepth = -1;
      this.#maskedEmpty = false;
    }
    this.#valueEnds();
    return at + 1;
  }

  #valueEnds(): void {
    this.#state = this.#depth === 0 ? BETWEEN : AFTER_VALUE;
    if (this.#depth === 0) this.#key = undefined;
  }

  #afterValue(byte: number, at: number): number {
    const isObject = this.#isObject[this.#depth] === 1;
    this.#leave(this.#depth);
    this.#key = this.#keyOf[this.#depth];
    if (byte === COMMA) {
      if (isObject) this.#state = KEY;
      else {
        this.#index[this.#depth] = (this.#index[this.#depth] as number) + 1;
        this.#enter(this.#index[this.#depth] as number);
        this.#state = VALUE;
      }
      return at + 1;
    }
    if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
      throw this.#fault('neither a comma nor the end of the container', at);
    }
    return this.#close(at);
  }

  #enter(key: string | number): void {
    if (this.#maskedDepth < 0) this.#rules.enter(key);
  }

  #leave(depth: number): void {
    if (this.#maskedDepth < 0 || depth <= this.#maskedDepth) this.#rules.leave();
  }

  #memberKey(bytes: Uint8Array, byte: number, at: number, end: number): number {
    if (byte !== QUOTE) throw this.#fault('no key where one is due', at);
    const guess = this.#lastKey?.next;
    if (guess !== undefined && this.#resume === 0 && isKeyAt(guess, bytes, at + 1, end)) {
      return this.#underKey(guess, bytes, at, at + guess.bytes.length + 2, end);
    }
    if (!this.#wholeString(bytes, at, end)) {
      if (end - at > LONGEST_LEAF) throw this.#fault('a key longer than can be held', at);
      return at;
    }
    const stop = this.#string.end;
    const key = this.#keys.key(bytes, at + 1, stop - 1, this.#string.escaped);
    if (this.#lastKey && key.bytes.length > 0) this.#lastKey.next = key;
    return this.#underKey(key, bytes, at, stop, end);
  }

  /** A key was read; the colon behind it is taken with it where it is there. */
  #underKey(key: Key, bytes: Uint8Array, at: number, stop: number, end: number): number {
    this.#unhide(at);
    this.#enter(key.name);
    this.#key = key;
    this.#lastKey = key;
    const colon = stop < end && bytes[stop] === COLON;
    this.#state = colon ? VALUE : AFTER_KEY;
    const { leaf } = this.#options;
    if (!key.clean && leaf && this.#maskedDepth < 0) {
      const shown = leaf(key.name, undefined);
      if (shown !== key.name) this.#out.replace(at, stop, JSON.stringify(shown));
    }
    return colon ? stop + 1 : stop;
  }

  /** Looks for the end of the string at `at`, going on where the last look ended. */
  #wholeString(bytes: Uint8Array, at: number, end: number): boolean {
    const string = this.#string;
    if (this.#resume === 0) {
      string.escaped = false;
      string.wide = false;
    }
    readString(bytes, at + Math.max(1, this.#resume), end, this.#offset, string);
    if (string.end > 0) return true;
    this.#resume = Math.max(1, string.read - at);
    return false;
  }

  /** Whether no detector finds anything in the string between the offsets, under the key it stands under. */
  #isClean(bytes: Uint8Array, start: number, end: number): boolean {
    const clean = this.#clean;
    const { scanner } = this.#options;
    if (!clean || !scanner || this.#string.escaped) return false;
    const key = this.#key;
    const telling = key?.telling === true;
    if (!telling && clean.covers(start, end)) return true;
    // What may be no UTF-8 is read as a text, which tells.
    return !this.#string.wide && scanner.findInBytes(bytes, start, end, key?.name).length === 0;
  }

  #stringValue(bytes: Uint8Array, at: number, end: number, rule: FieldRule | undefined): number {
    const { leaf } = this.#options;
    const held = this.#maskedDepth < 0 && (rule !== undefined || leaf !== undefined);
    if (!this.#wholeString(bytes, at, end)) {
      if (held && end - at <= LONGEST_LEAF) return at;
      return this.#longString(bytes, at, held, rule);
    }
    const stop = this.#string.end;
    if (held && stop - at > LONGEST_LEAF) return this.#longString(bytes, at, held, rule);
    this.#valueEnds();
    if (!held) return stop;
    if (rule === undefined && this.#isClean(bytes, at + 1, stop - 1)) return stop;
    const literal = rule?.operator.literal;
    if (literal !== undefined && stop - at > 2) {
      this.#toLiteral(bytes, at, stop, rule as FieldRule, literal);
      return stop;
    }
    const value = textOf(bytes, at + 1, stop - 1, this.#string.escaped);
    const shown = this.#shown(value, rule);
    if (shown !== value) this.#out.replace(at, stop, shown === null ? 'null' : JSON.stringify(shown));
    return stop;
  }

  /** What such an operator writes does not depend on the value, which need not be read then. */
  #toLiteral(bytes: Uint8Array, at: number, stop: number, rule: FieldRule, literal: string): void {
    const isLong = stop - at - 2 === literal.length;
    if (isLong && textOf(bytes, at + 1, stop - 1, this.#string.escaped) === literal) return;
    this.#options.onHit(rule.rule);
    this.#out.replace(at, stop, JSON.stringify(literal));
  }

  #shown(value: string, rule: FieldRule | undefined): string | null {
    if (!rule) return (this.#options.leaf as LeafMask)(value, this.#key?.name);
    const result = rule.operator.apply(value, { type: 'text' });
    if (result !== value) this.#options.onHit(rule.rule);
    return result;
  }

  /** A string that is not held to its end: what was read of it leaves now. */
  #longString(bytes: Uint8Array, at: number, held: boolean, rule: FieldRule | undefined): number {
    // Held up to the same place however much of it is there, so that the pieces it came in make no difference.
    if (held) readString(bytes, at + 1, at + LONGEST_LEAF, this.#offset, this.#string);
    const read = this.#string.read;
    this.#state = PASSING_STRING;
    this.#resume = 0;
    this.#long = 'pass';
    if (!held) return read;
    if (rule) {
      // What a rule says of the first part stands for the whole; the rest is left out.
      const shown = this.#shown(textOf(bytes, at + 1, wholeLetters(bytes, at + 1, read), true), rule);
      this.#out.replace(at, read, shown === null ? 'null' : JSON.stringify(shown));
      this.#long = 'drop';
      return read;
    }
    const { stream } = this.#options;
    if (!stream) throw this.#fault('a string longer than can be held', at);
    this.#long = stream();
    this.#out.show(at + 1, false);
    this.#out.add(this.#long.push(bytes.slice(at + 1, read)));
    this.#out.dropTo(read);
    return read;
  }

  #passString(bytes: Uint8Array, at: number, end: number): number {
    const string = this.#string;
    readString(bytes, at, end, this.#offset, string);
    const inside = string.read;
    const long = this.#long;
    if (typeof long !== 'string') {
      this.#out.show(at, false);
      if (inside > at) this.#out.add(long.push(bytes.slice(at, inside)));
      if (string.end > 0) this.#out.add(long.flush());
      this.#out.dropTo(inside);
    } else if (long === 'drop') this.#out.dropTo(string.end > 0 ? string.end : inside);
    if (string.end === 0) return inside;
    this.#long = 'pass';
    this.#resume = 0;
    this.#valueEnds();
    return string.end;
  }

  #scalar(bytes: Uint8Array, at: number, end: number, final: boolean, rule: FieldRule | undefined): number {
    let stop = at + this.#resume;
    while (stop < end && SCALAR_BYTES[bytes[stop] as number] === 1) stop++;
    if (stop - at > LONGEST_SCALAR) throw this.#fault('a number longer than can be held', at);
    if (stop === end && !final) {
      this.#resume = stop - at;
      return at;
    }
    const kind = scalarKind(bytes, at, stop);
    if (kind === NO_SCALAR) {
      if (stop === end && final) return at;
      throw this.#fault('no value where one is due', at);
    }
    this.#valueEnds();
    if (rule) this.#maskScalar(asciiOf(bytes, at, stop), kind === WORD, rule, at, stop);
    else if (kind === LONG_NUMBER && this.#maskedDepth < 0)
      this.#maskNumber(asciiOf(bytes, at, stop), at, stop);
    return stop;
  }

  #maskScalar(word: string, isWord: boolean, rule: FieldRule, at: number, stop: number): void {
    if (word === 'null') return;
    const result = rule.operator.apply(word, { type: isWord ? 'bool' : 'numeric' });
    if (result === word) return;
    this.#options.onHit(rule.rule);
    // An operator of another house might write what JSON does not take; fail closed, within the type.
    const safe = isWord ? 'false' : result !== null && isJsonNumber(result) ? result : '0';
    this.#out.replace(at, stop, result === null ? 'null' : safe);
  }

  #maskNumber(word: string, at: number, stop: number): void {
    const { leaf } = this.#options;
    if (!leaf) return;
    const result = leaf(word, this.#key?.name);
    if (result !== word) this.#out.replace(at, stop, isJsonNumber(result) ? result : '0');
  }

  /** The last token of a text that ends in the middle of it. */
  #cutToken(bytes: Uint8Array): void {
    if (this.#hides() || this.#state === PASSING_STRING) return;
    if (bytes[0] !== QUOTE) {
      if (!CUT_SCALAR.test(asciiOf(bytes, 0, bytes.length)))
        throw this.#fault('no value where one is due', 0);
      if (this.#maskedDepth < 0 && this.#rules.here() === undefined) this.#out.add(bytes.slice());
      return;
    }
    const isKey = this.#state === KEY || this.#state === FIRST_KEY;
    const rule = isKey ? undefined : this.#rules.here();
    readString(bytes, 1, bytes.length, this.#offset, this.#string);
    const inside = wholeLetters(bytes, 1, this.#string.read);
    const value = textOf(bytes, 1, inside, true);
    const key = this.#key;
    if (isKey) this.#key = undefined;
    const shown = rule || this.#options.leaf ? this.#shown(value, rule) : value;
    this.#key = key;
    if (shown === value) this.#out.add(bytes.slice(0, inside));
    else this.#out.text(shown === null ? 'null' : JSON.stringify(shown).slice(0, -1));
  }
}

const NOTHING = new Uint8Array(0);
