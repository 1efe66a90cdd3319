import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createOperator } from '../operators/index.ts';
import { compileFieldPattern, type FieldRule, JsonShapeError, maskJson } from '../places/index.ts';
import { createScanner } from '../scan/scanner.ts';
import { createTextMasker, jsonStringView } from '../stream/index.ts';
import { createJsonMasker } from './json-masker.ts';
import type { JsonMaskerOptions } from './options.ts';

const keys = { masking: new Uint8Array(32) };
const scanner = createScanner({ detectors: ['pii.email', 'pii.card', 'secrets'] });
const encoder = new TextEncoder();

function rule(pattern: string, operator: Parameters<typeof createOperator>[0] = 'redact'): FieldRule {
  return { matcher: compileFieldPattern(pattern), operator: createOperator(operator, keys), rule: pattern };
}

const RULES = [
  rule('password'),
  rule('$.rows[*].card', { partial: { keepLast: 4 } }),
  rule('$..secret', 'null'),
  rule('$..inner.*'),
];

function leaf(value: string, key: string | undefined): string {
  let out = '';
  let from = 0;
  for (const { start, end } of scanner.find(value, key)) {
    out += `${value.slice(from, start)}***`;
    from = end;
  }
  return out + value.slice(from);
}

function masker(hits: string[] = [], fields = RULES, more: Partial<JsonMaskerOptions> = {}) {
  return createJsonMasker({ fields, onHit: (it) => hits.push(it), leaf, scanner, ...more });
}

function through(text: string, cuts: readonly number[], hits: string[] = [], fields = RULES): string {
  const bytes = encoder.encode(text);
  const stream = masker(hits, fields, { stream: longText });
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    parts.push(stream.push(bytes.slice(from, cut)).slice());
    from = cut;
  }
  parts.push(stream.flush());
  return Buffer.concat(parts).toString('utf8');
}

const longText = () => createTextMasker({ scanner, replace: () => '***', view: jsonStringView });

const DOCUMENTS = [
  '{"mail":"ada@example.com","password":"hunter2","n":1.10e+05}',
  '{"rows":[{"card":"4111111111111111","x":[1,2,{"secret":{"a":1}}]},{"card":4111111111111111}]}',
  '{ "password" : { } , "a":{ "password":{ "deep":[1] } },"secret":[ ],"secret":[1]}',
  '{"password":null,"password":true,"password":12.50,"password":"","b":"\\u0061da@example.com"}',
  '[[],{},"",0,-1.5e-7,true,false,null,"\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\\ud83d\\ude00"]',
  '{"inner":{"a":"x","b":[{"c":1}]},"ada@example.com":1,"key ada@example.com":"käse €😀"}',
  '{"token":"abcdef1234567890abcdef","api_key":"zzzz-zzzz","n":4111111111111111,"m":12345678901234567890}',
  '"ada@example.com"',
  ' [ 1 , 2 ] ',
  '{"a":{"password":[ [ ] , { "x" : "ada@example.com" } ]},"mail":"a@example.com b@example.com"}',
];

test.each(DOCUMENTS)('gives what maskJson gives wherever it is cut: %s', (text) => {
  const expectedHits: string[] = [];
  const expected = maskJson(text, RULES, (it) => expectedHits.push(it), leaf);
  const length = encoder.encode(text).length;
  for (let cut = 0; cut <= length; cut++) {
    const hits: string[] = [];
    expect(through(text, [cut], hits)).toBe(expected);
    expect(hits.sort()).toEqual([...expectedHits].sort());
  }
  expect(
    through(
      text,
      Array.from({ length }, (_, at) => at),
    ),
  ).toBe(expected);
});

const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('ada@example.com', '4111 1111 1111 1111', 'x'.repeat(300)),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const document = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    value,
    fc.array(tie('node'), { maxLength: 5 }),
    fc.dictionary(
      fc.oneof(fc.constantFrom('password', 'rows', 'card', 'secret', 'inner'), fc.string()),
      tie('node'),
      {
        maxKeys: 5,
      },
    ),
  ),
})).node;

test('any document, written in any way, is masked alike for any cuts', () => {
  fc.assert(
    fc.property(
      document,
      fc.constantFrom(undefined, 1, '\t'),
      fc.array(fc.nat(400), { maxLength: 6 }),
      (it, space, at) => {
        const text = JSON.stringify(it, null, space);
        const length = encoder.encode(text).length;
        const cuts = [...new Set(at.filter((cut) => cut < length))].sort((a, b) => a - b);
        expect(through(text, cuts)).toBe(maskJson(text, RULES, () => undefined, leaf));
      },
    ),
    { numRuns: 400 },
  );
});

test('documents that follow each other are masked one by one', () => {
  const one = '{"password":"x","mail":"ada@example.com"}';
  const masked = maskJson(one, RULES, () => undefined, leaf);
  expect(through(`${one}\n${one}\r\n${one}`, [10, 41, 60])).toBe(`${masked}\n${masked}\r\n${masked}`);
  expect(through(`\u001e${one}\n\u001e${one}\n`, [])).toBe(`\u001e${masked}\n\u001e${masked}\n`);
  expect(through(`\ufeff${one}`, [1])).toBe(`\ufeff${masked}`);
});

test('a document that ends early is masked as far as it goes', () => {
  const text = '{"a":"mail ada@example.com","password":"hunter2 and more","inner":{"x":[1,2]}}';
  for (let cut = 0; cut < text.length; cut++) {
    const shown = through(text.slice(0, cut), []);
    expect(shown).not.toContain('ada@example.com');
    expect(shown).not.toContain('hunter2');
    expect(shown).not.toContain('[1');
  }
});

test.each([
  '{"a":1]',
  '[1,]',
  '{,}',
  '{"a" 1}',
  '{a:1}',
  '["\u0001"]',
  '["\\x"]',
  '["\\u12g4"]',
  '01',
  '[1 2]',
  'nope',
  '{"a":1}}',
  '[NaN]',
  '+1',
])('refuses %s', (text) => {
  expect(() => through(text, [])).toThrow(JsonShapeError);
  expect(() =>
    through(
      text,
      [1, 2].filter((cut) => cut < text.length),
    ),
  ).toThrow(JsonShapeError);
});

test('refuses strings that are no UTF-8, where they would be looked at', () => {
  expect(() =>
    createJsonMasker({ fields: RULES, onHit: () => undefined, leaf }).push(Buffer.from([0x22, 0xff, 0x22])),
  ).toThrow(JsonShapeError);
});

test('refuses documents nested deeper than the bound', () => {
  expect(() => through('['.repeat(1001), [])).toThrow('nested deeper');
  expect(through('['.repeat(1000) + ']'.repeat(1000), [])).toHaveLength(2000);
});

test('a string too long to be held is masked as it flows, wherever it is cut', () => {
  const filler = 'lorem ipsum \\u00e4 \\" '.repeat(2_000);
  const text = `{"a":"${filler}ada@example.com ${filler}\\u0061da@example.com","password":"${filler}"}`;
  const shown = through(text, [5, 17_000, 40_000, 44_010, 60_000, 99_000]);
  expect(shown).toBe(through(text, []));
  expect(shown.match(/\*\*\*(?!MASKED)/g)?.length).toBeGreaterThanOrEqual(2);
  expect(shown).not.toContain('example.com');
  expect(shown).toContain('"password":"***MASKED***"');
  expect(JSON.parse(shown).a).toContain('lorem ipsum ä');
});

test('what nothing changes leaves as the very same bytes', () => {
  const bytes = encoder.encode('{"a":[1,2,"three"],"b":"four"}');
  expect(masker().push(bytes)).toBe(bytes);
});

test('holds a bounded rest however long the document, in time that grows with its length alone', () => {
  const stream = masker();
  const row = encoder.encode(
    `${JSON.stringify({ id: 1, name: 'Ada Lovelace', note: 'nothing here', n: [1, 2, 3] })},`,
  );
  const block = Buffer.concat(Array.from({ length: 600 }, () => row));
  stream.push(encoder.encode('['));
  const time = (blocks: number) => {
    const start = performance.now();
    for (let i = 0; i < blocks; i++) stream.push(block);
    return performance.now() - start;
  };
  time(20);
  const [early, late] = [time(50), time(50)];
  expect(stream.held).toBeLessThan(100);
  expect(late).toBeLessThan(early * 4 + 50);
});
