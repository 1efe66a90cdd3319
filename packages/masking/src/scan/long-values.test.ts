import { expect, test } from '@jest/globals';
import { createScanner, createTextMasker } from '../index.ts';

const scanner = createScanner({ detectors: ['secrets', 'pii'] });

/** The same for the same seed, of the given alphabet. */
function body(alphabet: string, length: number): string {
  let state = 17;
  let out = '';
  while (out.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    out += alphabet[(state >>> 8) % alphabet.length];
  }
  return out;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

test.each([
  ['quoted base64', '{"token":"', body(`${LETTERS}+/`, 40_000), '","n":1}'],
  ['quoted base64url', '{"client_secret": "', body(`${LETTERS}-_`, 21_111), '"}'],
  ['bare', 'API_KEY=', body(LETTERS, 30_000), '\nNEXT=1\n'],
  ['bare base64', 'export SIGNING_KEY=', body(`${LETTERS}+/`, 7_601), ' && run\n'],
])('a %s value longer than the look-ahead is masked whole, in any pieces', (_, before, value, after) => {
  const text = before + value + after;
  const [first, ...others] = scanner.find(text);
  expect([first?.start, others.at(-1)?.end ?? first?.end]).toEqual([
    before.length,
    before.length + value.length,
  ]);
  for (const size of [1000, 7599, 8192, 100_000]) {
    const masker = createTextMasker({ scanner, replace: () => '#' });
    let out = '';
    for (let i = 0; i < text.length; i += size) {
      out += masker.push(text.slice(i, i + size));
      expect(masker.held).toBeLessThanOrEqual(32_768);
    }
    expect(out + masker.flushText()).toBe(`${before}#${after}`);
  }
});
