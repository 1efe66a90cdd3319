import { isUpper, type Key, keyAround, keyTail, keyWords, nameEnd } from '../detectors/keyed/key.ts';
import { LONGEST_VALUE, readValue, ValueSlot } from '../detectors/keyed/value.ts';
import { BASE64, BASE64URL, LETTER } from './bytes.ts';
import type { Detector, KeyedValue, KeyRule, ValueForm } from './detector.ts';
import { Collector, type Context, type Rule } from './engine.ts';
import { tableAt } from './rows.ts';
import { tuplesAt } from './tuples.ts';
import { View } from './view.ts';

/** A key rule with the detector it reports for. */
interface BoundRule {
  readonly detector: number;
  readonly rule: KeyRule;
}

/** A key's words and the rules that want its values. */
interface Meaning {
  readonly words: readonly string[];
  readonly rules: readonly BoundRule[];
}

/** Short literals that are common inside other words. */
const EDGES = new Map<string, 'whole' | 'left' | 'right'>([
  ...'otp jwt mfa totp tel fax cell sin ein tin pan nir dni nie nif cpr fnr ahv avs rrn pps nhs dob mrn mbi nhi bic aba csc secu bsn tfn cpf nom born insee niss insz acct handy ssn itin nino idnr'
    .split(' ')
    .map((anchor) => [anchor, 'whole'] as const),
  ['tax', 'left'],
  ['key', 'right'],
]);

/** `[secrets.password]`, as a template of a mask may write it, is no key. */
const MASK_NAME = /^(?:secrets|pii|custom)\.[a-z-]+$/;

const LONG_VALUE = 256;

/** A long run of `a=b=c=…` is no value; saying so early keeps hostile text cheap. */
function isChain(view: View, start: number): boolean {
  for (let i = start; i < start + 64; i += 1) if (view.at(i) === 0x3d && view.is(LETTER, i + 1)) return true;
  return false;
}

/** A token longer than what is read of a value: its characters belong to it for as long as they go on. */
function flowOn(view: View, slot: ValueSlot, found: Collector): void {
  const { end } = slot;
  if (end - slot.start < LONGEST_VALUE || found.ends[found.length - 1] !== end) return;
  if (view.is(BASE64URL, end) && view.runBack(BASE64URL, end, 256) === end - 256) found.flow('base64url');
  else if (view.is(BASE64, end)) found.flow('base64');
}

/** The bytes that percent-encoded latin1 text stands for (RFC 3986 section 2.1). */
function percentDecoded(text: string): Uint8Array {
  const plain = text.replace(/%([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

/** Finds values by the key before them: `DB_PASSWORD=…`, `"ssn": "…"`, `<token>…</token>`, CSV columns. */
export class KeyedRules {
  private readonly byPhrase = new Map<string, BoundRule[]>();
  private readonly predicates: BoundRule[] = [];
  /** Literals to look for, by how they must stand in a word. */
  readonly anchors: readonly { readonly anchors: readonly string[]; readonly rule: Rule }[];
  private readonly known = new Map<string, Meaning>();
  private readonly slot = new ValueSlot();
  private readonly decoded = new View();

  constructor(detectors: readonly Detector[]) {
    const anchors = new Set<string>();
    detectors.forEach((detector, index) => {
      for (const rule of detector.keys ?? []) {
        for (const anchor of rule.anchors) anchors.add(anchor);
        const bound = { detector: index, rule };
        if (rule.matches) this.predicates.push(bound);
        for (const phrase of rule.phrases ?? [])
          this.byPhrase.set(phrase, [...(this.byPhrase.get(phrase) ?? []), bound]);
      }
    });
    const standing = (edge: 'whole' | 'left' | 'right' | undefined) =>
      [...anchors].filter((a) => EDGES.get(a) === edge);
    const verify: Rule['verify'] = (view, at, found, context) => this.verify(view, at, found, context);
    this.anchors = [
      { anchors: standing(undefined), rule: { detector: -1, verify } },
      { anchors: standing('whole'), rule: { detector: -1, verify, edge: 'whole' } },
      { anchors: standing('left'), rule: { detector: -1, verify, edge: 'left' } },
      { anchors: standing('right'), rule: { detector: -1, verify, edge: 'right' } },
    ];
  }

  /** The rules whose keys these words are, most telling first. */
  rulesFor(words: readonly string[]): readonly BoundRule[] {
    const out: BoundRule[] = [];
    for (let n = Math.min(5, words.length); n > 0; n -= 1) {
      const tail = words.slice(words.length - n);
      for (const bound of this.byPhrase.get(tail.join(' ')) ?? []) out.push(bound);
      if (n > 1) for (const bound of this.byPhrase.get(tail.join('')) ?? []) out.push(bound);
    }
    for (const bound of this.predicates) if (bound.rule.matches?.(words)) out.push(bound);
    return out;
  }

  private verify(view: View, at: number, found: Collector, context: Context): void {
    const key = keyAround(view, at);
    if (key.end < at) return;
    const { slot } = this;
    const before = found.length;
    const read = readValue(view, key, key.end, slot);
    if (read) this.judgeAll(view, key, key.end, found);
    if ((!read || (slot.form === 'loose' && found.length === before)) && !view.starved) {
      const tail = keyTail(view, key.end);
      if (tail > key.end && readValue(view, key, tail, slot))
        this.judgeAll(view, key, nameEnd(view, key.end, tail), found);
    }
    if (!view.starved && !context.rows) context.rows = tableAt(view, key, this) ?? tuplesAt(view, key, this);
  }

  private judgeAll(view: View, key: Key, end: number, found: Collector): void {
    if (this.slot.end - this.slot.start > LONG_VALUE && isChain(view, this.slot.start)) return;
    const text = view.text(key.start, end);
    if (view.at(key.start - 1) === 0x5b && MASK_NAME.test(text)) return;
    const meaning = this.known.get(text) ?? this.learn(text);
    if (meaning.rules.length === 0) return;
    const { slot } = this;
    if (this.judgeDecoded(view, meaning, found)) return;
    const before = found.length;
    this.ask(view, slot, meaning, isUpper(view, key.own, Math.max(end, key.own)), found);
    if (found.length > before) flowOn(view, slot, found);
  }

  /** `dob=02%2F11%2F1954`: a field of a form is judged as it will be read, and masked as it is written. */
  private judgeDecoded(view: View, meaning: Meaning, found: Collector): boolean {
    const { slot } = this;
    if (slot.end - slot.start > 120 || slot.form === 'quoted' || slot.form === 'cell') return false;
    const text = view.text(slot.start, slot.end);
    if (!/%[0-9A-F]{2}/i.test(text)) return false;
    const bytes = percentDecoded(text);
    const inner = new Collector();
    this.decoded.set(bytes, 0, bytes.length, true);
    this.ask(this.decoded, { start: 0, end: bytes.length, form: slot.form }, meaning, false, inner);
    if (inner.length === 0) return false;
    found.push(slot.start, slot.end, inner.detectors[0] as number);
    return true;
  }

  /** The same keys come again and again: what they mean is worked out once. */
  private learn(text: string): Meaning {
    const words = keyWords(text);
    const meaning = { words, rules: this.rulesFor(words) };
    if (this.known.size >= 4096) this.known.clear();
    this.known.set(text, meaning);
    return meaning;
  }

  /** Asks every rule for these words about the value; the first that accepts it names it. */
  judge(
    view: View,
    slot: { start: number; end: number; form: ValueForm },
    words: readonly string[],
    upper: boolean,
    found: Collector,
  ): void {
    this.ask(view, slot, { words, rules: this.rulesFor(words) }, upper, found);
  }

  private ask(
    view: View,
    slot: { start: number; end: number; form: ValueForm },
    { words, rules }: Meaning,
    upper: boolean,
    found: Collector,
  ): void {
    const value: KeyedValue = { start: slot.start, end: slot.end, form: slot.form, words, upper };
    for (const { detector, rule } of rules) {
      const span = rule.judge(view, value);
      if (!span) continue;
      found.push(span[0], span[1], detector);
      return;
    }
  }
}
