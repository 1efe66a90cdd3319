import { expect, test } from '@jest/globals';
import {
  createOperator,
  createScanner,
  createTextMasker,
  jsonStringView,
  listDetectors,
  type OperatorSpec,
  type TextView,
  terminalView,
} from '@scrim/masking';
import { corpus } from '../bench/masking/corpus.ts';
import { grade } from '../bench/masking/grade.ts';
import { secondCorpus } from '../bench/masking/second-corpus.ts';
import { thirdCorpus } from '../bench/masking/third-corpus.ts';

const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const asked = createScanner({
  detectors: listDetectors().map((detector) => detector.id),
});
const third = thirdCorpus(424_242, 2);
const of = (...groups: string[]) => third.filter((sample) => groups.includes(sample.group));

test.each([
  ['secrets', 0.99, 0.99, 0.999],
  ['personal', 0.98, 0.98, 0.999],
  ['opt-in', 0.99, 0.99, 0.999],
])(
  'third corpus, %s: recall, full cover and precision keep their floor',
  (group, recall, full, precision) => {
    const finder = group === 'opt-in' ? asked : scanner;
    const result = grade(of(group), (text) => finder.find(text));
    expect(result.recall).toBeGreaterThanOrEqual(recall);
    expect(result.full).toBeGreaterThanOrEqual(full);
    expect(result.precision).toBeGreaterThanOrEqual(precision);
  },
);

test('third corpus: nothing is found where nothing is, documentation examples included', () => {
  const lines: string[] = [];
  grade(
    of('negatives'),
    (text) => scanner.find(text),
    (line) => lines.push(line),
  );
  // One random number in ten that starts with 4 and has sixteen digits is a card by every rule there is.
  expect(lines.filter((line) => !line.includes('order 4'))).toEqual([]);
});

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function masked(pieces: readonly Uint8Array[], view?: TextView): string {
  const masker = createTextMasker({ scanner, replace: () => '#', ...(view ? { view } : {}) });
  const parts = [...pieces.map((piece) => masker.push(piece)), masker.flush()];
  return decoder.decode(Buffer.concat(parts));
}

/** Every cut, inside characters too; of a long text every fifth. */
function expectSameForEveryCut(text: string, view?: TextView): void {
  const bytes = encoder.encode(text);
  const whole = masked([bytes], view);
  for (let cut = 1; cut < bytes.length; cut += bytes.length > 600 ? 5 : 1) {
    const cutUp = masked([bytes.subarray(0, cut), bytes.subarray(cut)], view);
    if (cutUp !== whole) expect({ cut, text, result: cutUp }).toEqual({ cut, text, result: whole });
  }
}

const once = thirdCorpus(77, 1);

test('third corpus: cut in two anywhere, a text is masked as when it comes whole', () => {
  for (const { text } of once) expectSameForEveryCut(`naïve 😀 ${text}`);
}, 240_000);

test('third corpus, escaped into JSON: the same for every cut', () => {
  once.forEach(({ text }, index) => {
    if (index % 5 === 0) expectSameForEveryCut(JSON.stringify(`é ${text}`).slice(1, -1), jsonStringView);
  });
}, 240_000);

test('third corpus, with terminal colours inside the values: found all the same, for every cut', () => {
  const plain = once.filter((sample) => !sample.text.includes('\u001b') && sample.labels.length > 0);
  plain.forEach(({ text, labels }, index) => {
    if (index % 5 !== 0) return;
    const [label] = labels;
    const middle = Math.floor(((label?.start ?? 0) + (label?.end ?? 0)) / 2);
    const coloured = `${text.slice(0, middle)}\u001b[1;31m${text.slice(middle)}`;
    const shown = masked([encoder.encode(coloured)], terminalView).replace('\u001b[1;31m', '');
    expect(shown).toBe(masked([encoder.encode(text)], terminalView));
    expectSameForEveryCut(coloured, terminalView);
  });
}, 240_000);

const keys = { masking: new Uint8Array(32).fill(3) };
const SPECS: readonly OperatorSpec[] = [
  'redact',
  'hash',
  'tokenise',
  'partial',
  { redact: { template: '[{detector}]' } },
  { partial: { keepFirst: 2, keepLast: 2 } },
];

test.each(SPECS.map((spec) => [JSON.stringify(spec), spec] as const))(
  'all corpora: masking with %s what is masked already changes nothing',
  (_, spec) => {
    const operator = createOperator(spec, keys);
    const mask = (text: string): string => {
      let out = '';
      let at = 0;
      for (const { start, end, detector } of scanner.find(text)) {
        out +=
          text.slice(at, start) + (operator.apply(text.slice(start, end), { type: 'text', detector }) ?? '');
        at = end;
      }
      return out + text.slice(at);
    };
    const texts = [...corpus(3, 10), ...secondCorpus(5, 1), ...once].map((sample) => sample.text);
    const changed = texts.map(mask).filter((text) => mask(text) !== text);
    expect(changed.map((text) => [text, mask(text)])).toEqual([]);
  },
  120_000,
);

test('every detector says what it is: id, group, packs, examples, source', () => {
  const detectors = listDetectors();
  expect(new Set(detectors.map((detector) => detector.id)).size).toBe(detectors.length);
  for (const { id, group, packs, description, source, examples } of detectors) {
    expect(id).toMatch(new RegExp(`^${group}\\.[a-z0-9-]+$`));
    expect(packs.length).toBeGreaterThan(0);
    expect(description.length).toBeGreaterThan(8);
    expect(source).toMatch(/^https:\/\//);
    expect(examples.positive.length).toBeGreaterThan(0);
    expect(examples.negative.length).toBeGreaterThan(0);
  }
});
