import { expect, test } from '@jest/globals';
import { agoText, bytesText, countText, durationText, plural, shortText } from './format.ts';

test('durations by their two largest units', () => {
  expect(durationText(42_900)).toBe('42 s');
  expect(durationText(598_000)).toBe('9 min 58 s');
  expect(durationText(600_000)).toBe('10 min');
  expect(durationText(3_660_000)).toBe('1 h 1 min');
  expect(durationText(90_000_000)).toBe('1 d 1 h');
  expect(durationText(-5)).toBe('0 s');
});

test('counts, bytes and distances', () => {
  expect(countText(1234567)).toBe('1,234,567');
  expect(plural(1, 'row')).toBe('1 row');
  expect(plural(0, 'row')).toBe('0 rows');
  expect(plural(2, 'entry', 'entries')).toBe('2 entries');
  expect(bytesText(0)).toBe('0 B');
  expect(bytesText(1023)).toBe('1023 B');
  expect(bytesText(12_595)).toBe('12.3 KiB');
  expect(bytesText(5 * 1024 ** 4)).toBe('5.00 TiB');
  expect(agoText(1_000, 2_000)).toBe('just now');
  expect(agoText(0, 65_000)).toBe('1 min 5 s ago');
});

test('long texts in one line', () => {
  expect(shortText('select\n  1')).toBe('select 1');
  expect(shortText('x'.repeat(100), 10)).toBe(`${'x'.repeat(9)}…`);
});
