import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import { yamlText } from './yaml.ts';

test('a policy reads like the file it came from', () => {
  const policy = {
    name: 'production',
    match: { labels: { env: 'prod' }, groups: ['agents'] },
    mask: [{ column: 'customers.ssn', with: 'redact' }],
    predicates: 'allow',
  };
  expect(yamlText(policy)).toBe(`name: production
match:
  labels: { env: prod }
  groups: [agents]
mask:
  - { column: customers.ssn, with: redact }
predicates: allow
`);
});

test('a long item begins beside its dash', () => {
  const reason = 'r'.repeat(90);
  expect(yamlText({ guard: [{ do: 'block', when: { sql: {} }, reason }], expires: '10m' })).toBe(`guard:
  - do: block
    when: { sql: {} }
    reason: ${reason}
expires: 10m
`);
});

test('whatever it holds, it reads back as the same', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }).filter((text) => !/\p{Surrogate}/u.test(text)),
    fc.constantFrom(
      'yes',
      'null',
      '1',
      '1e3',
      '- a',
      'a: b',
      '#x',
      '0x1f',
      '~',
      '',
      ' ',
      '2026-01-01',
      '.nan',
      '1m',
      '0x1',
      '12e3',
      'a'.repeat(100),
      ' '.repeat(100),

      'NO',
    ),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      texts,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(
        texts.filter((key) => key !== '__proto__' && key !== '<<'),
        tie('value'),
        { maxKeys: 5 },
      ),
    ),
  }));
  fc.assert(
    fc.property(value, (it) => {
      const text = yamlText(it);
      expect(JSON.stringify(parse(text))).toBe(JSON.stringify(it));
    }),
    { numRuns: 300 },
  );
});
