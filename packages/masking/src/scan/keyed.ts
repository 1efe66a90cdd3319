import { isUpper, type Key, keyAround, keyTail, keyWords } from '../detectors/keyed/key.ts';
import { readValue, ValueSlot } from '../detectors/keyed/value.ts';
import type { Detector, KeyedValue, KeyRule, ValueForm } from './detector.ts';
import type { Collector, Context, Rule } from './engine.ts';
import { tableAt } from './rows.ts';
import type { View } from './view.ts';

/** A key rule with the detector it reports for. */
interface BoundRule {
  readonly detector: number;
  readonly rule: KeyRule;
}

/** Finds values by the key before them: `DB_PASSWORD=…`, `"ssn": "…"`, `<token>…</token>`, CSV columns. */
export class KeyedRules {
  private readonly byPhrase = new Map<string, BoundRule[]>();
  private readonly predicates: BoundRule[] = [];
  readonly anchors: readonly string[];
  private readonly slot = new ValueSlot();

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
    this.anchors = [...anchors];
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

  readonly rule: Rule = {
    detector: -1,
    verify: (view, at, found, context) => this.verify(view, at, found, context),
  };

  private verify(view: View, at: number, found: Collector, context: Context): void {
    const key = keyAround(view, at);
    if (key.end < at) return;
    const { slot } = this;
    if (readValue(view, key.start, key.end, slot)) {
      this.judgeAll(view, key, key.end, found);
    } else if (!view.starved) {
      const tail = keyTail(view, key.end);
      if (tail > key.end && readValue(view, key.start, tail, slot)) this.judgeAll(view, key, tail, found);
    }
    if (!view.starved && !context.rows) context.rows = tableAt(view, key, this);
  }

  private judgeAll(view: View, key: Key, end: number, found: Collector): void {
    const words = keyWords(view.text(key.start, end));
    this.judge(view, this.slot, words, isUpper(view, key.start, end), found);
  }

  /** Asks every rule for these words about the value; the first that accepts it names it. */
  judge(
    view: View,
    slot: { start: number; end: number; form: ValueForm },
    words: readonly string[],
    upper: boolean,
    found: Collector,
  ): void {
    const value: KeyedValue = { start: slot.start, end: slot.end, form: slot.form, words, upper };
    for (const { detector, rule } of this.rulesFor(words)) {
      const span = rule.judge(view, value);
      if (!span) continue;
      found.push(span[0], span[1], detector);
      return;
    }
  }
}
