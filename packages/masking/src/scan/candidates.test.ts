import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createScanner } from './scanner.ts';

const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const encoder = new TextEncoder();
const part = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    'ada@example.com',
    '4111 1111 1111 1111',
    'AKIAIOSFODNN7EXAMPLE',
    'DE89370400440532013000',
    '+1 415 555 2671',
    '192.168.0.1',
    'password=hunter22hunter',
  ),
);

test('what is found in a part of a text has a candidate in that part, or in the byte before it', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const bytes = encoder.encode(parts.map((it) => `"${it}"`).join(','));
      const candidates: number[] = [];
      expect(scanner.candidates(bytes, 0, bytes.length, candidates)).toBe(true);
      let start = 1;
      for (const it of parts) {
        const end = start + encoder.encode(it).length;
        const near = candidates.some((at) => at >= start - 1 && at < end);
        if (!near) expect(scanner.findInBytes(bytes, start, end)).toEqual([]);
        start = end + 3;
      }
    }),
    { numRuns: 300 },
  );
});

test('a pattern that no literal announces leaves no candidates to tell', () => {
  const blind = createScanner({ detectors: [], patterns: [{ name: 'any', regex: '[a-z]{3}\\d{3}' }] });
  expect(blind.candidates(encoder.encode('abc123'), 0, 6, [])).toBe(false);
});
