import { describe, expect, test } from '@jest/globals';
import {
  Bed,
  CUSTOMERS,
  column,
  computed,
  fields,
  outcome,
  type Rules,
  rows,
  shape,
  type ToyRows,
} from '../testing.ts';

const SSN: Rules = { mask: [{ column: 'customers.ssn', with: 'redact' }] };
const PLAIN = shape([column('customers.id', { type: 'int4', textual: false }), column('customers.name')]);
const WITH_SSN = shape([column('customers.name'), column('customers.ssn')], [CUSTOMERS]);
const CARD = ['4111', '1111', '1111', '1111'].join('');

async function seen(policies: readonly Rules[], ...runs: Parameters<Bed['target']>): Promise<string> {
  const bed = await Bed.open(policies);
  await bed.target(...runs);
  return bed.closedWith() ?? bed.forwarded().join('|');
}

describe('by place', () => {
  test('the same buffer leaves when nothing in the rows needs a mask', async () => {
    const bed = await Bed.open([SSN, { mask: [{ detect: ['secrets', 'pii.email'] }] }]);
    const untouched = rows(PLAIN, '1\tAda\n2\tBob\n');
    await bed.target(untouched);
    expect(bed.log.find((it) => it.what === 'forward')?.bytes).toBe(untouched.bytes);
  });
  test('rows without any rule leave as the same buffer, and are counted as passed blind', async () => {
    const bed = await Bed.open([]);
    const untouched = rows(WITH_SSN, 'Ada\t123-45-6789\n');
    await bed.target(untouched);
    bed.exchange.relay?.ended('caller-left');
    expect(bed.log.find((it) => it.what === 'forward')?.bytes).toBe(untouched.bytes);
    expect(bed.recorded('coverage')).toEqual([
      { inspected: 0, blind: untouched.bytes.length, reasons: { 'no masking rule applies': 16 } },
    ]);
  });
  test('a masked column is masked in every row and NULL stays NULL', async () => {
    expect(await seen([SSN], rows(WITH_SSN, 'Ada\t1\nBob\t\\N\nCy\t3\n'))).toBe(
      'Ada\t***MASKED***\nBob\t\\N\nCy\t***MASKED***\n',
    );
  });
  test('an alias does not rename a value out of its mask', async () => {
    const alias = shape([{ ...column('customers.ssn'), name: 'harmless' }], [CUSTOMERS]);
    expect(await seen([SSN], rows(alias, '123-45-6789\n'))).toBe('***MASKED***\n');
  });
  test('a computed column is masked when the statement reaches a masked one, else untouched', async () => {
    const far = [{ schema: 'public', table: 'orders', columns: ['id'] }];
    expect(await seen([SSN], rows(shape([computed('x')], [CUSTOMERS]), 'abc\n'))).toBe('***MASKED***\n');
    expect(await seen([SSN], rows(shape([computed('x')], far), 'abc\n'))).toBe('abc\n');
  });
  test('reach unknown is masked as soon as there is any column rule', async () => {
    const lost = shape([computed('x')], 'unknown');
    expect(await seen([SSN], rows(lost, 'abc\n'))).toBe('***MASKED***\n');
    expect(await seen([], rows(lost, 'abc\n'))).toBe('abc\n');
  });
  test('a computed value never shows a part: substr of a card would give the card back digit by digit', async () => {
    const partly: Rules = { mask: [{ column: 'customers.ssn', with: { partial: { keepLast: 4 } } }] };
    expect(await seen([partly], rows(WITH_SSN, `Ada\t${CARD}\n`))).toBe('Ada\t************1111\n');
    expect(await seen([partly], rows(shape([computed('x')], [CUSTOMERS]), `${CARD}\n`))).toBe(
      '***MASKED***\n',
    );
    const traced = shape([{ ...column('customers.ssn'), exact: false }], [CUSTOMERS]);
    expect(await seen([partly], rows(traced, `${CARD}\n`))).toBe('***MASKED***\n');
  });
  test('equal computed values get no equal tokens: literals would be a dictionary of them', async () => {
    const tokens: Rules = { mask: [{ column: 'customers.ssn', with: 'hash' }] };
    expect(await seen([tokens], rows(shape([computed('x')], [CUSTOMERS]), '1\n2\n'))).toBe(
      '***MASKED***\n***MASKED***\n',
    );
  });
  test('values of two masked columns under one label get an operator that fits both', async () => {
    const rules: Rules = {
      mask: [
        { column: 'customers.name', with: { partial: { keepLast: 4 } } },
        { column: 'customers.ssn', with: 'redact' },
      ],
    };
    const origins = [...column('customers.name').origins, ...column('customers.ssn').origins];
    const union = shape([{ ...column('customers.name'), origins }], [CUSTOMERS]);
    expect(await seen([rules], rows(union, `${CARD}\n`))).toBe('***MASKED***\n');
  });
  test('a mask is valid for its type', async () => {
    const typed = shape([column('customers.ssn', { type: 'int4', textual: false })], [CUSTOMERS]);
    expect(await seen([SSN], rows(typed, '123456789\n'))).toBe('0\n');
  });
  test.each([
    ['of unknown origin', computed('x')],
    ['of known origin', { ...column('customers.ssn'), exact: false }],
  ])('derived: block refuses a computed column %s and shows no row', async (_name, derived) => {
    const bed = await Bed.open([{ ...SSN, derived: 'block' }]);
    await bed.target(rows(shape([derived], [CUSTOMERS]), 'abc\n'));
    expect(bed.closedWith()).toBe('SCRIM_GUARD_BLOCKED');
    expect(bed.forwarded()).toEqual([]);
    expect(bed.kept()).not.toContain('abc');
  });
  test('derived: block leaves the masked column itself and what is not computed from it', async () => {
    expect(await seen([{ ...SSN, derived: 'block' }], rows(WITH_SSN, 'Ada\t1\n'))).toBe(
      'Ada\t***MASKED***\n',
    );
  });
  test('each hit is counted by rule and place, never by value', async () => {
    const bed = await Bed.open([SSN]);
    await bed.target(rows(WITH_SSN, 'Ada\t987-65-4321\nBob\t2\n'), outcome());
    expect(bed.recorded('masked')).toEqual([{ rule: 'p0/mask[0]', place: 'public.customers.ssn', count: 2 }]);
    expect(bed.kept()).not.toContain('987-65-4321');
  });
});

describe('by content', () => {
  const PII: Rules = { mask: [{ detect: ['pii.email', 'pii.card', 'pii.us-ssn', 'secrets'] }] };
  test('a value is found in any text column, whatever surrounds it', async () => {
    expect(await seen([PII], rows(PLAIN, '1\twrite to ada@example.com today\n'))).toBe(
      '1\twrite to ***MASKED*** today\n',
    );
  });
  test('a telling column name makes its values suspect', async () => {
    const secret = shape([column('users.password')]);
    expect(await seen([PII], rows(secret, 'correcthorse\n'))).toBe('***MASKED***\n');
  });
  test('an alias does not talk a telling column out of its mask', async () => {
    const alias = shape([{ ...column('users.password'), name: 'p' }]);
    expect(await seen([PII], rows(alias, 'correcthorse\n'))).toBe('***MASKED***\n');
  });
  test('patterns of two policies with one name both fire', async () => {
    const first: Rules = { mask: [{ pattern: { name: 'badge', regex: 'EMP-[0-9]{6}' } }] };
    const second: Rules = { mask: [{ pattern: { name: 'badge', regex: 'CTR-[0-9]{6}' } }] };
    const text = '1\tEMP-123456 CTR-654321\n';
    expect(await seen([first, second], rows(PLAIN, text))).toBe('1\t***MASKED*** ***MASKED***\n');
    expect(await seen([first, first], rows(PLAIN, text))).toBe('1\t***MASKED*** CTR-654321\n');
  });
  test('bytes are read for what they say, not for their hex', async () => {
    const bytes = shape([column('files.data', { type: 'bytes' })]);
    const hex = (text: string) => `\\x${Buffer.from(text).toString('hex')}`;
    const shown = await seen([PII], rows(bytes, `${hex('to ada@example.com')}\n`));
    expect(Buffer.from(shown.slice(2, -1), 'hex').toString()).toBe('to ***MASKED***');
    const clean = rows(bytes, `${hex('nothing here')}\n`);
    expect(await seen([PII], clean)).toBe(clean.bytes.toString());
  });
});

describe('JSON', () => {
  const DOC = shape([column('events.doc', { type: 'json' })]);
  const PII: Rules = { mask: [{ detect: ['pii.email', 'secrets'] }] };
  test('a field rule masks by key and leaves numbers, order and doubles as written', async () => {
    const rules: Rules = { mask: [{ field: 'api_key', with: 'redact' }] };
    expect(await seen([rules], rows(DOC, '{"b":1.10,"apiKey":"k","a":{"api_key":"x"},"b":2}\n'))).toBe(
      '{"b":1.10,"apiKey":"***MASKED***","a":{"api_key":"***MASKED***"},"b":2}\n',
    );
  });
  test('what is no JSON in a JSON column cannot be masked and ends the session', async () => {
    const rules: Rules = { mask: [{ field: 'api_key', with: 'redact' }] };
    expect(await seen([rules], rows(DOC, '{"api_key":\n'))).toBe('SCRIM_UNMASKABLE');
  });
  test.each([
    ['a leaf', '{"to":"ada@example.com"}', '{"to":"***MASKED***"}'],
    ['an escaped leaf', '{"to":"ada\\u0040example.com"}', '{"to":"***MASKED***"}'],
    ['a short number under a telling key', '{"password": 12345678}', '{"password": 0}'],
    ['both at once', '{"m":"ada@example.com","password":12345678}', '{"m":"***MASKED***","password":0}'],
    ['nothing', '{"path":"C:\\\\temp","n":1}', '{"path":"C:\\\\temp","n":1}'],
  ])('detectors see %s', async (_name, stored, shown) => {
    expect(await seen([PII], rows(DOC, `${stored}\n`))).toBe(`${shown}\n`);
  });
  test('what is masked already is left as it is', async () => {
    const masked = '{"password":"***MASKED***","to":"***MASKED***"}\n';
    expect(await seen([PII], rows(DOC, masked))).toBe(masked);
  });
});

describe('messages', () => {
  const DETAIL = { name: 'detail', value: 'Key (ssn)=(123-45-6789) exists', quotesData: true };
  const CODE = { name: 'code', value: '23505', quotesData: false };
  test('texts that quote data are hidden whole where the statement reaches a masked column', async () => {
    const [value, code] = (await seen([SSN], fields([DETAIL, CODE], [CUSTOMERS]))).split('\u0001');
    expect([value, code]).toEqual(['***MASKED***', '23505']);
  });
  test('reach unknown hides them, reach elsewhere leaves them', async () => {
    const elsewhere = fields([DETAIL], []);
    expect(await seen([SSN], fields([DETAIL], 'unknown'))).toBe('***MASKED***');
    expect(await seen([SSN], elsewhere)).toBe(DETAIL.value);
  });
  test('a partial operator does not print a part of a message', async () => {
    const partly: Rules = { mask: [{ column: 'customers.ssn', with: { partial: { keepLast: 4 } } }] };
    expect(await seen([partly], fields([DETAIL], [CUSTOMERS]))).toBe('***MASKED***');
  });
  test('detectors look at every text, also at names', async () => {
    const odd = { name: 'column', value: 'ada@example.com', quotesData: false };
    expect(await seen([{ mask: [{ detect: ['pii.email'] }] }], fields([odd]))).toBe('***MASKED***');
  });
  test('an untouched message leaves as the same buffer', async () => {
    const bed = await Bed.open([SSN]);
    const untouched = fields([CODE]);
    await bed.target(untouched);
    expect(bed.log.find((it) => it.what === 'forward')?.bytes).toBe(untouched.bytes);
  });
});

test('clean rows cost no visit: the prefilter decides for the whole run', async () => {
  const bed = await Bed.open([{ mask: [{ detect: ['secrets'] }] }]);
  const clean = rows(PLAIN, '1\tAda\n'.repeat(1000));
  if (clean.meaning.kind === 'rows') {
    (clean.meaning.rows as ToyRows).rewrite = () => {
      throw new Error('visited');
    };
  }
  await bed.target(clean);
  expect(bed.closedWith()).toBeUndefined();
  expect(bed.forwarded()).toHaveLength(1);
});
