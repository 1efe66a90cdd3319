import { expect, test } from '@jest/globals';
import {
  checkPattern,
  createScanner,
  listDetectors,
  resolveDetectors,
  UnknownDetectorError,
  UnsafePatternError,
} from '../index.ts';

const everything = createScanner({ detectors: ['secrets', 'pii'] });
const valuesIn = (text: string, scanner = everything, key?: string) =>
  scanner.find(text, key).map((f) => text.slice(f.start, f.end));

test.each(listDetectors().map((d) => [d.id, d] as const))(
  '%s finds its examples and leaves its counter-examples',
  (id, detector) => {
    const alone = createScanner({ detectors: [id] });
    expect(detector.examples.positive.length).toBeGreaterThan(0);
    for (const { text, value } of detector.examples.positive) {
      expect(valuesIn(text, alone)).toEqual([value]);
      const bytes = new TextEncoder().encode(text);
      expect(alone.mayContain(bytes, 0, bytes.length)).toBe(true);
      if (!detector.optIn) expect(everything.find(text).map((f) => f.detector)).toEqual([id]);
    }
    for (const text of detector.examples.negative) expect(valuesIn(text, alone)).toEqual([]);
  },
);

test('groups leave out opt-in detectors, packs take what their regulation names', () => {
  expect(resolveDetectors(['pii'])).not.toContain('pii.ip');
  expect(resolveDetectors(['gdpr'])).toContain('pii.ip');
  expect(resolveDetectors(['pci'])).toEqual(['pii.card', 'pii.card-security-code', 'pii.iban']);
  expect(resolveDetectors(['pii.card', 'pci', 'pii.card'])).toHaveLength(3);
});

test('an unknown detector is refused with the nearest names', () => {
  expect(() => resolveDetectors(['pii.emails'])).toThrow(UnknownDetectorError);
  expect(() => resolveDetectors(['pii.emails'])).toThrow(/"pii.emails".*pii\.email/);
});

test.each(['(a)\\1', '(?=x)y', 'a*', '(unclosed', ''])('refuses the pattern %j', (regex) => {
  expect(() => checkPattern(regex)).toThrow(UnsafePatternError);
});

test('custom patterns report under their name, with and without a literal to look for', () => {
  const patterns = [
    { name: 'employee-id', regex: 'EMP-[0-9]{6}' },
    { name: 'badge', regex: '[a-z]{3}-zz[0-9]+' },
  ];
  const scanner = createScanner({ detectors: [], patterns });
  const text = 'é EMP-123456 and abc-zz9\nEMP-12 xyz-zz77 EMP-654321';
  expect(scanner.find(text).map((f) => [f.detector, text.slice(f.start, f.end)])).toEqual([
    ['custom.employee-id', 'EMP-123456'],
    ['custom.badge', 'abc-zz9'],
    ['custom.badge', 'xyz-zz77'],
    ['custom.employee-id', 'EMP-654321'],
  ]);
});

test('an evil custom pattern stays linear', () => {
  const scanner = createScanner({ detectors: [], patterns: [{ name: 'evil', regex: 'x(a+)+$' }] });
  const started = Date.now();
  scanner.find(`x${'a'.repeat(3000)}b`.repeat(20));
  expect(Date.now() - started).toBeLessThan(5000);
});

test('offsets are code units in strings and bytes in buffers', () => {
  const text = 'héllo 漢字 😀 ada@analytical.io fin';
  const [finding] = everything.find(text);
  expect(text.slice(finding!.start, finding!.end)).toBe('ada@analytical.io');
  const bytes = new TextEncoder().encode(text);
  const [inBytes] = everything.findInBytes(bytes, 0, bytes.length);
  expect(new TextDecoder().decode(bytes.subarray(inBytes!.start, inBytes!.end))).toBe('ada@analytical.io');
});

test('a telling key makes the whole value the finding', () => {
  expect(everything.isSensitiveKey('password')).toBe(true);
  expect(everything.isSensitiveKey('password_policy')).toBe(false);
  expect(everything.isSensitiveKey('city')).toBe(false);
  expect(valuesIn('kq7 zebra!', everything, 'city')).toEqual([]);
  expect(valuesIn('kq7zebra!', everything, 'db_password')).toEqual(['kq7zebra!']);
  expect(valuesIn('536228411', everything, 'ssn')).toEqual(['536228411']);
  expect(valuesIn('***MASKED***', everything, 'password')).toEqual([]);
});

test('columns of tables and of INSERT lists name their values', () => {
  expect(valuesIn('id,email,password\n1,a@b.co,hunter22x\n2,c@d.org,pa55word!\n')).toEqual([
    'a@b.co',
    'hunter22x',
    'c@d.org',
    'pa55word!',
  ]);
  expect(valuesIn(' id | secret_token\n----+------\n 1 | 9f8Kq0ZkPw31xYvB\n(1 row)\n')).toEqual([
    '9f8Kq0ZkPw31xYvB',
  ]);
  expect(valuesIn("INSERT INTO u (id, password) VALUES (1, 'k3it''s'), (2, 'zz9plural');")).toEqual([
    "k3it''s",
    'zz9plural',
  ]);
});

test('a raw protocol buffer is judged without word boundaries', () => {
  const parts = ['\u0000\u0000\u0000\u00114', '4111111111111111', '\u0000\u0000\u0000\u0003abc'];
  const bytes = Uint8Array.from(parts.join(''), (c) => c.charCodeAt(0));
  expect(everything.mayContain(bytes, 0, bytes.length)).toBe(true);
  const clean = Uint8Array.from('\u0000\u0000\u0000\u0005hello\u0000\u0000\u0000\u000242', (c) =>
    c.charCodeAt(0),
  );
  expect(everything.mayContain(clean, 0, clean.length)).toBe(false);
});

test('what was masked is not found again', () => {
  for (const detector of listDetectors())
    for (const { text, value } of detector.examples.positive) {
      const masked = text.replace(value, '***MASKED***');
      expect(everything.find(masked).map((f) => masked.slice(f.start, f.end))).toEqual([]);
    }
});
