import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createOperator, type OperatorSpec, VALUE_TYPES, type ValueType } from './index.ts';
import { samples } from './testing.ts';

const keys = { masking: new Uint8Array(32).fill(7) };
const otherKeys = { masking: new Uint8Array(32).fill(8) };

const SPECS: readonly OperatorSpec[] = [
  'redact',
  { redact: { template: '[{type}:{detector}:{hash}] <&"é' } },
  'hash',
  { hash: { length: 16 } },
  'tokenise',
  'partial',
  { partial: { keepFirst: 2, keepLast: 3, maskWith: '-' } },
];

const cases = VALUE_TYPES.flatMap((type) => SPECS.map((spec) => [type, JSON.stringify(spec), spec] as const));

describe('every operator on every type', () => {
  test.each(cases)('%s %s: masking a masked value changes nothing', (type, _, spec) => {
    const operator = createOperator(spec, keys);
    const maxLength = type === 'text' ? fc.option(fc.nat(60), { nil: undefined }) : fc.constant(undefined);
    fc.assert(
      fc.property(
        samples[type],
        maxLength,
        fc.constantFrom(undefined, 'pii.email', 'secrets.aws'),
        (value, max, detector) => {
          const fitting = max === undefined ? value : [...value].slice(0, max).join('');
          const context = {
            type,
            ...(max === undefined ? {} : { maxLength: max }),
            ...(detector === undefined ? {} : { detector }),
          };
          const once = operator.apply(fitting, context)!;
          expect(operator.apply(once, context)).toBe(once);
          if (max !== undefined) expect([...once].length).toBeLessThanOrEqual(max);
          if (once !== '') expect(operator.recognises(once, context)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each(VALUE_TYPES)('%s: what one operator wrote with our keys, the keyed ones leave alone', (type) => {
    const writers = ['hash', 'tokenise'] as const;
    fc.assert(
      fc.property(samples[type], fc.constantFrom(...writers), (value, writer) => {
        const once = createOperator(writer, keys).apply(value, { type })!;
        if (type === 'bool' || type === 'bit') return;
        for (const next of ['redact', 'hash', 'tokenise', 'partial', 'fpe'] as const) {
          expect(createOperator(next, keys).apply(once, { type })).toBe(once);
        }
      }),
      { numRuns: 30 },
    );
  });
});

const apply = (spec: OperatorSpec, value: string, type: ValueType = 'text', more: object = {}) =>
  createOperator(spec, keys).apply(value, { type, ...more });

test.each([
  ['text', 'alice', '***MASKED***'],
  ['unknown', 'alice', '***MASKED***'],
  ['int2', '5', '0'],
  ['int4', '-5', '0'],
  ['int8', '5', '0'],
  ['numeric', '12.345', '0.000'],
  ['float', '1.5', '0'],
  ['money', '$1,234.50', '$0.00'],
  ['bool', 't', 'f'],
  ['bool', 'true', 'false'],
  ['date', '1984-05-06', '1970-01-01'],
  ['time', '12:34:56', '00:00:00'],
  ['timetz', '12:34:56+02', '00:00:00+00'],
  ['timestamp', '1984-05-06 12:00:00', '1970-01-01 00:00:00'],
  ['timestamptz', '1984-05-06 12:00:00+02', '1970-01-01 00:00:00+00'],
  ['interval', '3 days', '00:00:00'],
  ['uuid', '550e8400-e29b-41d4-a716-446655440000', '4d41534b-4544-8000-8000-4d41534b4544'],
  ['inet', '10.1.2.3', '0.0.0.0'],
  ['inet', '2001:db8::1', '::'],
  ['cidr', '10.0.0.0/8', '0.0.0.0/32'],
  ['macaddr', '08:00:2b:01:02:03', '00:00:00:00:00:00'],
  ['bytes', '\\x00ff', '\\x2a2a2a4d41534b45442a2a2a'],
  ['json', '{"a":1}', '"***MASKED***"'],
  ['xml', '<a>b</a>', '<masked>***MASKED***</masked>'],
  ['bit', '10110', '00000'],
] as const)('redact writes a valid %s over %s', (type, value, stand) => {
  expect(apply('redact', value, type)).toBe(stand);
});

test('null writes SQL NULL', () => {
  expect(apply('null', 'x')).toBeNull();
});

test('a template shows type, detector and a keyed hash, and falls back where it does not fit', () => {
  expect(apply({ redact: { template: '[{detector}/{type}]' } }, 'x', 'text', { detector: 'pii.email' })).toBe(
    '[pii.email/text]',
  );
  expect(apply({ redact: { template: '{hash}' } }, 'x')).toBe(apply('hash', 'x'));
  expect(apply({ redact: { template: '[a very long template]' } }, 'x', 'text', { maxLength: 14 })).toBe(
    '***MASKED***',
  );
  expect(apply('redact', 'x', 'text', { maxLength: 5 })).toBe('*****');
  expect(apply('redact', 'x', 'text', { maxLength: 0 })).toBe('');
});

test('a token depends on the value and the key, not on spelling, type wrapper or protocol', () => {
  const token = apply('tokenise', 'Alice@Example.com')!;
  expect(token).toMatch(/^tok_7[a-z2-7]{25}@masked\.invalid$/);
  expect(apply('tokenise', ' alice@example.COM ', 'unknown', { detector: 'pii.email' })).toBe(token);
  expect(apply('tokenise', '"alice@example.com"', 'json')).toBe(JSON.stringify(token));
  expect(apply('tokenise', '4111 1111 1111 1111')).toBe(apply('tokenise', '4111-1111-1111-1111'));
  expect(apply('tokenise', '42', 'int8')).toBe(apply('tokenise', '42', 'numeric'));
  expect(createOperator('tokenise', otherKeys).apply('alice@example.com', { type: 'text' })).not.toBe(token);
  expect(apply('hash', 'alice@example.com')).not.toContain(token.slice(5, 20));
  expect(apply('tokenise', 'bob@example.com')).not.toBe(token);
});

test('tokens shrink to the room, keep their email form where it fits, and give way below 15 characters', () => {
  expect(apply('tokenise', 'a@b.co', 'text', { maxLength: 32 })).toMatch(
    /^tok_7[a-z2-7]{12}@masked\.invalid$/,
  );
  expect(apply('tokenise', 'a@b.co', 'text', { maxLength: 20 })).toMatch(/^tok_7[a-z2-7]{15}$/);
  expect(apply('tokenise', 'a@b.co', 'text', { maxLength: 15 })).toMatch(/^tok_7[a-z2-7]{10}$/);
  expect(apply('tokenise', 'a@b.co', 'text', { maxLength: 14 })).toBe('***MASKED***');
  expect(apply('hash', 'x', 'text', { maxLength: 3 })).toBe('***');
});

test('the shape of a token alone does not pass a value through', () => {
  const forged = [
    ['tok_7abcdefghijklmnopqrstuvwxy', 'text'],
    ['hash_7abcdefghijk', 'text'],
    ['tok_7abcdefghijklmnopqrstuvwxy@masked.invalid', 'text'],
    ['"tok_7abcdefghijklmnopqrstuvwxy"', 'json'],
    ['4d41534b-1234-8123-8123-123456789012', 'uuid'],
    ['-8123456789012345', 'int8'],
    ['***MASKED*** 123-45-6789', 'text'],
    ['1777-07-07 07:07:07', 'timestamp'],
  ] as const;
  for (const [value, type] of forged) {
    for (const spec of ['redact', 'hash', 'tokenise'] as const)
      expect(apply(spec, value, type)).not.toBe(value);
  }
  const template = { redact: { template: '[{detector}]' } };
  expect(apply(template, '[my-secret]', 'text', { detector: 'pii.email' })).toBe('[pii.email]');
});

test('hash and token differ between values of an int column nearly always, and stay negative', () => {
  const seen = new Set<string>();
  for (let id = 1; id <= 2000; id++) seen.add(apply('tokenise', String(id), 'int4')!);
  expect(seen.size).toBeGreaterThan(1995);
  expect([...seen].every((value) => Number(value) < -1_073_741_824 && Number(value) >= -2_147_483_648)).toBe(
    true,
  );
});

test.each([
  [{ redact: { template: '{nope}' } }, 'redact.template'],
  [{ redact: { template: 'a\u0000' } }, 'redact.template'],
  [{ redact: { template: '' } }, 'redact.template'],
  [{ partial: { keepLast: -1 } }, 'partial.keepLast'],
  [{ partial: { maskWith: '**' } }, 'partial.maskWith'],
  [{ partial: { keep: 4 } }, 'with.partial.keep'],
  [{ hash: { length: 4 } }, 'hash.length'],
  [{ tokenise: { reversible: true } }, 'tokenise.reversible'],
  [{ fpe: { alphabet: 'hex' } }, 'fpe.alphabet'],
  ['shred', 'with'],
  ['constructor', 'with'],
  [null, 'with'],
  [{ redact: null }, 'with.redact'],
  [{}, 'with'],
  [{ hash: {}, redact: { template: 'x' } }, 'with'],
])('refuses %j naming %s', (spec, field) => {
  expect(() => createOperator(spec as OperatorSpec, keys)).toThrow(
    expect.objectContaining({ name: 'OperatorError', field }),
  );
});

test('refuses a masking key that is not 32 bytes', () => {
  expect(() => createOperator('hash', { masking: new Uint8Array(16) })).toThrow('keys.masking');
});

test('results hold nothing a simple email or card pattern would mask again differently', () => {
  const patterns = [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, /\b(?:\d[ -]?){13,19}\b/g];
  fc.assert(
    fc.property(
      fc.oneof(fc.stringMatching(/^[a-z][a-z.+]{0,9}[a-z]@[a-z]{2,9}\.com$/), fc.stringMatching(/^4\d{15}$/)),
      (value) => {
        for (const spec of ['redact', 'hash', 'tokenise'] as const) {
          const mask = (text: string) =>
            patterns.reduce((all, pattern) => all.replace(pattern, (hit) => apply(spec, hit)!), text);
          const once = mask(`to ${value}, thanks`);
          expect(once).not.toContain(value);
          expect(mask(once)).toBe(once);
        }
      },
    ),
  );
});

test('a masked uuid stays as it is where it is read as text', () => {
  for (const spec of ['redact', 'hash'] as const) {
    const uuid = apply(spec, '550e8400-e29b-41d4-a716-446655440000', 'uuid')!;
    for (const next of ['redact', 'hash', 'tokenise', 'partial', 'fpe'] as const) {
      expect(apply(next, uuid)).toBe(uuid);
      expect(apply(next, JSON.stringify(uuid), 'json')).toBe(JSON.stringify(uuid));
    }
  }
});
