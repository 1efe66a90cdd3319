import { describe, expect, test } from '@jest/globals';
import { createOperator } from '../operators/index.ts';
import { compileFieldPattern, type FieldRule } from '../places/index.ts';
import { createScanner } from '../scan/scanner.ts';
import type { ByteMasker } from '../stream/index.ts';
import {
  createCsvMasker,
  createFormMasker,
  createXmlMasker,
  FieldTextError,
  type FieldTextOptions,
} from './index.ts';

const scanner = createScanner({ detectors: ['pii.email', 'secrets'] });
const rule = (pattern: string): FieldRule => ({
  matcher: compileFieldPattern(pattern),
  operator: createOperator('redact', { masking: new Uint8Array(32) }),
  rule: pattern,
});

function leaf(value: string, key: string | undefined): string {
  let out = '';
  let from = 0;
  for (const { start, end } of scanner.find(value, key)) {
    out += `${value.slice(from, start)}***`;
    from = end;
  }
  return out + value.slice(from);
}

const options = (hits: string[] = []): FieldTextOptions => ({
  fields: [rule('ssn'), rule('pin')],
  onHit: (it) => hits.push(it),
  leaf,
});

/** The text through a masker, whole, in two and byte by byte: all must give the same. */
function through(create: (options: FieldTextOptions) => ByteMasker, text: string): string {
  const bytes = new TextEncoder().encode(text);
  const cut = (cuts: readonly number[]): string => {
    const masker = create(options());
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const at of [...cuts, bytes.length]) {
      parts.push(masker.push(bytes.slice(from, at)));
      from = at;
    }
    return Buffer.concat([...parts, masker.flush()]).toString('utf8');
  };
  const whole = cut([]);
  for (let at = 1; at < bytes.length; at++) expect(cut([at])).toBe(whole);
  expect(cut(Array.from(bytes.keys()))).toBe(whole);
  return whole;
}

describe('forms', () => {
  test.each([
    ['a=1&ssn=123&b=x+y%20z', 'a=1&ssn=***MASKED***&b=x+y%20z'],
    ['mail=ada%40example.com&c=%zz&d', 'mail=***&c=%zz&d'],
    ['user%5Bssn%5D=%31%32&x.pin=9', 'user%5Bssn%5D=***MASKED***&x.pin=***MASKED***'],
    ['ada%40example.com=1&k=k%C3%A4se', '***=1&k=k%C3%A4se'],
    ['', ''],
  ])('%s', (text, shown) => {
    expect(through(createFormMasker, text)).toBe(shown);
  });
});

describe('csv', () => {
  test.each([
    [
      'id,SSN,note\n1,123,hi\r\n2,"4""5",ada@example.com\n',
      'id,SSN,note\n1,***MASKED***,hi\r\n2,"***MASKED***",***\n',
    ],
    ['id;ssn\n1;a\n', 'id;ssn\n1;***MASKED***\n'],
    ['id\tssn\n1\t"a\nb"\n2\tc', 'id\tssn\n1\t"***MASKED***"\n2\t***MASKED***'],
    ['ada@example.com,1\nx,"bob@example.com, and more"\n', '***,1\nx,"***, and more"\n'],
    ['\ufeffssn,b\nx,"unclosed ada@example.com\n', '\ufeffssn,b\n***MASKED***,"""unclosed ***"\n'],
  ])('%s', (text, shown) => {
    expect(through(createCsvMasker, text)).toBe(shown);
  });
});

describe('xml', () => {
  test.each([
    [
      '<a><ssn>123</ssn><b pin="9" x=\'1\'>t</b></a>',
      '<a><ssn>***MASKED***</ssn><b pin="***MASKED***" x=\'1\'>t</b></a>',
    ],
    ['<p>mail ada&#64;example.com &lt;3</p>', '<p>mail *** &lt;3</p>'],
    ['<p>ada&#x40;example&#46;com</p>', '<p>***</p>'],
    [
      '<!-- ada@example.com --><x:ssn><![CDATA[1<2]]></x:ssn>',
      '<!-- *** --><x:ssn><![CDATA[***MASKED***]]></x:ssn>',
    ],
    ['<a href="mailto:ada@example.com">x > y</a>', '<a href="mailto:***">x > y</a>'],
    [
      '<p>a<br>b</p><ssn>1<i>2</i>3</ssn>4',
      '<p>a<br>b</p><ssn>***MASKED***<i>***MASKED***</i>***MASKED***</ssn>4',
    ],
    ['<a b=">" c=ada@example.com>t', '<a b=">" c="***">t'],
    ['text only ada@example.com', 'text only ***'],
    ["<p>it's <b>", "<p>it's <b>"],
  ])('%s', (text, shown) => {
    expect(through(createXmlMasker, text)).toBe(shown);
  });
});

test('records that cannot be held or read are refused', () => {
  expect(() => createFormMasker(options()).push(Buffer.alloc(2 << 20, 'a'))).toThrow(FieldTextError);
  expect(() => createCsvMasker(options()).push(Buffer.from([0x61, 0xff, 0x61]))).toThrow(FieldTextError);
});

test('each replaced value is reported once', () => {
  const hits: string[] = [];
  createFormMasker(options(hits)).push(Buffer.from('ssn=1&pin=2&a=3&'));
  expect(hits).toEqual(['ssn', 'pin']);
});
