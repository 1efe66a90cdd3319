import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { containsMask, createMaskRecogniser, createOperator, isMasked, VALUE_TYPES } from './index.ts';
import { samples } from './testing.ts';

const keys = { masking: new Uint8Array(32).fill(7) };

test.each(VALUE_TYPES)('%s: hashes and tokens are recognised by type without keys', (type) => {
  if (type === 'bool' || type === 'bit') {
    expect(createOperator('hash', keys).apply('1', { type })).toBe(
      createOperator('redact', keys).apply('1', { type }),
    );
    return;
  }
  fc.assert(
    fc.property(samples[type], fc.constantFrom('hash' as const, 'tokenise' as const), (value, spec) => {
      expect(isMasked(createOperator(spec, keys).apply(value, { type })!, type)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test.each([
  '***MASKED***',
  '"***MASKED***"',
  '<masked>***MASKED***</masked>',
  '\\x2a2a2a4d41534b45442a2a2a',
  '4d41534b-4544-8000-8000-4d41534b4544',
  '************1111',
  '****-****-****-1111',
  '***-**-6789',
  '***-**-****',
  'ab****gh',
  '*****',
])('%s is a mask', (value) => {
  expect(isMasked(value)).toBe(true);
  expect(isMasked(`  ${value}\n`)).toBe(true);
});

test.each([
  '',
  '*',
  '**bold**',
  'hello',
  'SELECT * FROM t',
  '0',
  'tok_identifier',
  'hash_algorithms',
  'tok_1N3T00LkdIwHu7ixt44h1F8k',
  '550e8400-e29b-41d4-a716-446655440000',
  '-5',
  '5 * 3 * 2 * 1',
  '/* ******** */',
  '--- *** ---',
])('%j is no mask', (value) => {
  expect(isMasked(value)).toBe(false);
  expect(containsMask(value)).toBe(false);
});

test.each(['redact', 'hash', 'tokenise'] as const)('%s is found inside a statement', (spec) => {
  for (const value of ['alice@example.com', 'hunter2']) {
    const masked = createOperator(spec, keys).apply(value, { type: 'text' });
    expect(containsMask(`UPDATE t SET a = '${masked}' WHERE id = 5`)).toBe(true);
    expect(containsMask(JSON.stringify({ a: [masked] }))).toBe(true);
  }
  const bytes = createOperator(spec, keys).apply('\\x00ff', { type: 'bytes' });
  expect(containsMask(`UPDATE t SET a = '${bytes}'`)).toBe(true);
  if (spec !== 'redact') {
    const number = createOperator(spec, keys).apply('42', { type: 'int8' });
    expect(containsMask(`UPDATE t SET a = ${number}`)).toBe(true);
  }
});

test('partial masks are found inside a statement, markdown and comments are not', () => {
  expect(containsMask("UPDATE t SET card = '************1111'")).toBe(true);
  expect(containsMask("UPDATE t SET card = '****-****-****-1111'")).toBe(true);
  expect(containsMask("UPDATE t SET ssn = '***-**-6789'")).toBe(true);
  expect(containsMask('/***************\n * banner\n ***************/')).toBe(false);
  expect(containsMask('***bold*** and ** more ** and * * *')).toBe(false);
});

test('custom templates and constants are recognised through their operators', () => {
  const operators = [
    createOperator({ redact: { template: '[hidden]' } }, keys),
    createOperator('redact', keys),
  ];
  const recogniser = createMaskRecogniser(operators);
  expect(isMasked('[hidden]')).toBe(false);
  expect(recogniser.isMasked('[hidden]', { type: 'text' })).toBe(true);
  expect(recogniser.isMasked('0', { type: 'int4' })).toBe(true);
  expect(recogniser.isMasked('1', { type: 'int4' })).toBe(false);
  expect(recogniser.containsMask("SET a = '[hidden]'")).toBe(true);
});

test('stays linear on hostile text', () => {
  for (const piece of ['*', '* ', 'tok_7', '***-', '"', '\\', '****-']) {
    const started = performance.now();
    const text = piece.repeat(1_000_000 / piece.length);
    isMasked(text);
    containsMask(text);
    expect(performance.now() - started).toBeLessThan(2000);
  }
});
