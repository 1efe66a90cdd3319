import { expect, test } from '@jest/globals';
import { createScanner } from '@scrim/masking';
import { corpus } from '../bench/masking/corpus.ts';
import { secondCorpus } from '../bench/masking/second-corpus.ts';

/**
 * The mask step looks at all texts of a run as lines of one text before it looks at each. That is sound only if a value
 * that is found alone makes the whole text suspicious too, whatever stands beside it.
 */
const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const NEIGHBOURS = [
  'customer 17',
  'city 5',
  'note number 12 with nothing in it',
  '',
  'x',
  '"quoted"',
  'a: b',
  '-- sql',
];

function hidden(texts: readonly string[]): string[] {
  return texts.filter((text, index) => {
    if (scanner.find(text).length === 0) return false;
    const before = NEIGHBOURS[index % NEIGHBOURS.length];
    const after = NEIGHBOURS[(index * 3 + 1) % NEIGHBOURS.length];
    return scanner.find(`${before}\n${text}\n${after}\n`).length === 0;
  });
}

test('what is found in a cell alone is found among its neighbours: first corpus', () => {
  const texts = corpus(7, 3_000).map((sample) => sample.text);
  expect(hidden(texts)).toEqual([]);
}, 60_000);

test('what is found in a cell alone is found among its neighbours: second corpus', () => {
  const texts = secondCorpus(11, 2).map((sample) => sample.text);
  expect(hidden(texts)).toEqual([]);
}, 60_000);

test('the bare values themselves', () => {
  const values = corpus(23, 3_000).flatMap((sample) =>
    sample.labels.map((label) => sample.text.slice(label.start, label.end)),
  );
  expect(values.length).toBeGreaterThan(1_000);
  expect(hidden(values)).toEqual([]);
}, 60_000);
