import { CARRIERS, CLOSE, OPEN, PLACES } from './second-carriers.ts';
import { CLEAN, LOOKALIKES } from './second-negatives.ts';
import { SPECIAL } from './second-special.ts';
import { Dice, KEYED, SELF } from './second-values.ts';

export interface SecondLabel {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

export interface SecondSample {
  readonly kind: 'positive' | 'lookalike' | 'clean';
  /** How the value is carried, for reading the misses. */
  readonly carrier: string;
  readonly text: string;
  readonly labels: readonly SecondLabel[];
}

/** Cuts the marks out of a finished text and turns them into labels. */
function finish(kind: SecondSample['kind'], type: string, carrier: string, marked: string): SecondSample {
  const labels: SecondLabel[] = [];
  let text = '';
  let start = -1;
  for (const part of marked.split(new RegExp(`(${OPEN}|${CLOSE})`))) {
    if (part === OPEN) start = text.length;
    else if (part === CLOSE) labels.push({ start, end: text.length, type });
    else text += part;
  }
  return { kind, carrier, text, labels };
}

/**
 * The second corpus, made without looking at the first or at the engine's rules: every type in every carrier that
 * people use for it, then formats of their own, look-alikes and clean text. Same seed and rounds, same corpus.
 */
export function secondCorpus(seed: number, rounds: number): SecondSample[] {
  const dice = new Dice(seed);
  const out: SecondSample[] = [];
  const mark = (value: string) => OPEN + value + CLOSE;
  for (let round = 0; round < rounds; round += 1) {
    for (const [type, make] of Object.entries(SELF)) {
      for (let n = 0; n < 6; n += 1) {
        const place = dice.pick(PLACES);
        const value = make(dice);
        if (type.includes('phone') && place.name === 'csv' && value.includes(',')) continue;
        out.push(finish('positive', type, place.name, place.write(dice, '', mark(value))));
      }
    }
    for (const [type, { keys, make, personal }] of Object.entries(KEYED)) {
      const carriers = personal ? CARRIERS.filter((c) => c.wide) : CARRIERS;
      for (let n = 0; n < (personal ? 8 : 24); n += 1) {
        const carrier = dice.pick(carriers);
        out.push(
          finish('positive', type, carrier.name, carrier.write(dice, dice.pick(keys), mark(make(dice)))),
        );
      }
    }
    for (const [type, write] of SPECIAL) {
      const marked = write(dice);
      out.push(finish('positive', type, 'special', marked));
    }
    for (const write of LOOKALIKES)
      for (let n = 0; n < 4; n += 1) out.push(finish('lookalike', '', 'lookalike', write(dice)));
    for (const write of CLEAN)
      for (let n = 0; n < 10; n += 1) out.push(finish('clean', '', 'clean', write(dice)));
  }
  return out;
}
