import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createOperator, type OperatorSpec } from '../operators/index.ts';
import { compileFieldPattern, type FieldRule, JsonShapeError, type LeafMask, maskJson } from './index.ts';

const keys = { masking: new Uint8Array(32).fill(7) };

function rule(pattern: string, spec: OperatorSpec = 'redact'): FieldRule {
  return { matcher: compileFieldPattern(pattern), operator: createOperator(spec, keys), rule: pattern };
}

function mask(text: string, rules: readonly FieldRule[], leaf?: LeafMask): { text: string; hits: string[] } {
  const hits: string[] = [];
  return { text: maskJson(text, rules, (id) => hits.push(id), leaf), hits };
}

describe('golden', () => {
  test.each([
    ['{"password":"x"}', '{"password":"***MASKED***"}'],
    ['{ "password" :\t"x" , "n": 1.0e+10 }\n', '{ "password" :\t"***MASKED***" , "n": 1.0e+10 }\n'],
    ['{"pass\\u0077ord":"x"}', '{"pass\\u0077ord":"***MASKED***"}'],
    ['{"PassWord":"x","pass-word":"y"}', '{"PassWord":"***MASKED***","pass-word":"***MASKED***"}'],
    ['{"password":"a","password":"b"}', '{"password":"***MASKED***","password":"***MASKED***"}'],
    ['{"password":12345678901234567890.120}', '{"password":0.000}'],
    ['{"password":1e400}', '{"password":0}'],
    ['{"password":true,"a":true}', '{"password":false,"a":true}'],
    ['{"password":null}', '{"password":null}'],
    ['{"password":{"a":["b",{"password":1}]},"z":"\\u00e9"}', '{"password":{},"z":"\\u00e9"}'],
    ['{"password":[1,2,[3]]}', '{"password":[]}'],
    ['{"password":{ },"b":{"password":[ ]}}', '{"password":{ },"b":{"password":[ ]}}'],
    [
      '[[{"a":{"password":"x"}}],{"password":"y"}]',
      '[[{"a":{"password":"***MASKED***"}}],{"password":"***MASKED***"}]',
    ],
    ['{"big":9007199254740993,"password":"\\"\\\\"}', '{"big":9007199254740993,"password":"***MASKED***"}'],
    ['{"password":""}', '{"password":"***MASKED***"}'],
    ['{"__proto__":{"password":"x"}}', '{"__proto__":{"password":"***MASKED***"}}'],
  ])('%s', (before, after) => {
    const { text, hits } = mask(before, [rule('password')]);
    expect(text).toBe(after);
    expect(hits.length > 0).toBe(before !== after);
  });

  test('a whole document, a scalar document, and the null operator', () => {
    expect(mask(' {"a":[1]} ', [rule('$')]).text).toBe(' {} ');
    expect(mask('"secret"', [rule('$')]).text).toBe('"***MASKED***"');
    expect(mask('{"a":{"b":1},"c":"x","d":5}', [rule('$.*', 'null')]).text).toBe(
      '{"a":null,"c":null,"d":null}',
    );
  });

  test('the first rule wins, and each changed value is one hit', () => {
    const { text, hits } = mask('{"card":"4111111111111111","x":{"card":"5"}}', [
      rule('$.card', { partial: { keepLast: 4 } }),
      rule('card'),
    ]);
    expect(text).toBe('{"card":"************1111","x":{"card":"***MASKED***"}}');
    expect(hits).toEqual(['$.card', 'card']);
  });

  test('numbers stay numbers under every operator', () => {
    for (const spec of ['redact', 'hash', 'tokenise', 'partial', 'fpe'] as const) {
      const { text } = mask('{"id":[123456789,-5,0.25,1E5]}', [rule('$.id[*]', spec)]);
      const ids = (JSON.parse(text) as { id: unknown[] }).id;
      expect(ids.every((id) => typeof id === 'number')).toBe(true);
      expect(ids[0]).not.toBe(123456789);
    }
  });

  test('lone surrogates pass untouched, and are masked where a rule says so', () => {
    const text = '{"a":"\\ud800","\udc00":"\ud83d","password":"\\udfff"}';
    expect(mask(text, [rule('password')]).text).toBe(text.replace('\\udfff', '***MASKED***'));
  });
});

describe('content', () => {
  const upper: LeafMask = (value) => value.replace(/secret/g, 'SECRET');

  test('each leaf is given decoded, with the nearest key, and written back escaped', () => {
    const seen: unknown[] = [];
    const leaf: LeafMask = (value, key) => {
      seen.push([value, key]);
      return value === 'a\nb' ? '"\n' : value;
    };
    const { text, hits } = mask(
      '{"k":["a\\nb",{"in":"c"},"d"],"n":12345678,"long":4111111111111111}',
      [],
      leaf,
    );
    expect(text).toBe('{"k":["\\"\\n",{"in":"c"},"d"],"n":12345678,"long":4111111111111111}');
    expect(hits).toEqual([]);
    expect(seen).toEqual([
      ['k', undefined],
      ['a\nb', 'k'],
      ['in', undefined],
      ['c', 'in'],
      ['d', 'k'],
      ['n', undefined],
      ['long', undefined],
      ['4111111111111111', 'long'],
    ]);
  });

  test('a secret in a key or a long number is masked too, and a number stays one', () => {
    expect(mask('{"secret":"a secret"}', [], upper).text).toBe('{"SECRET":"a SECRET"}');
    expect(mask('[4111111111111111]', [], () => '***MASKED***').text).toBe('[0]');
  });

  test('what a rule masked does not reach the detectors', () => {
    const seen: string[] = [];
    mask('{"password":{"deep":"a"},"b":"c"}', [rule('password')], (value) => {
      seen.push(value);
      return value;
    });
    expect(seen).toEqual(['password', 'b', 'c']);
  });
});

describe('properties', () => {
  const spaced = fc
    .tuple(fc.json(), fc.nat(3))
    .map(([json, indent]) => JSON.stringify(JSON.parse(json), null, indent));

  test('no rule hits: the same text', () => {
    fc.assert(
      fc.property(spaced, (text) => {
        expect(mask(text, [rule('$..no-such-key-anywhere'), rule('neither_this')], (value) => value)).toEqual(
          { text, hits: [] },
        );
      }),
    );
  });

  test('masking equals masking the parsed document, and twice equals once', () => {
    const document = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('record'),
      ),
      list: fc.array(tie('value'), { maxLength: 4 }),
      record: fc.dictionary(fc.constantFrom('a', 'secret', 'b"\\', 'é'), tie('value')),
    })).value;
    const expected = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(expected);
      if (value === null || typeof value !== 'object') return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, member]) => [
          key,
          key === 'secret' ? standIn(member) : expected(member),
        ]),
      );
    };
    const standIn = (value: unknown) => {
      if (Array.isArray(value)) return [];
      if (value === null) return null;
      return { string: '***MASKED***', number: 0, boolean: false, object: {} }[typeof value as string];
    };
    fc.assert(
      fc.property(document, fc.nat(2), (value, indent) => {
        const { text } = mask(JSON.stringify(value, null, indent), [rule('secret')]);
        expect(JSON.parse(text)).toEqual(expected(JSON.parse(JSON.stringify(value))));
        expect(mask(text, [rule('secret')])).toEqual({ text, hits: [] });
      }),
      { numRuns: 300 },
    );
  });

  test('what JSON.parse refuses is refused, what it takes is taken', () => {
    const noise = fc.string({
      unit: fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"',
        ':',
        ',',
        '1',
        '-',
        '.',
        'e',
        '0',
        '\\',
        'u',
        'n',
        'null',
        'true',
        ' ',
        '\t',
        'a',
      ),
      maxLength: 8,
    });
    fc.assert(
      fc.property(noise, (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        if (valid) expect(mask(text, [rule('x')], (value) => value).text).toBe(text);
        else expect(() => mask(text, [])).toThrow(JsonShapeError);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('hostile', () => {
  test.each([
    ['', 'no value'],
    ['[1,]', 'no value'],
    ['{"a":1,}', 'no key'],
    ['{"a" 1}', 'no colon'],
    ['"abc', 'without an end'],
    ['"a\nb"', 'control character'],
    ['"\\x"', 'unknown escape'],
    ['"\\u12"', 'unknown escape'],
    ['[1}', 'neither a comma'],
    ['1 2', 'after the value'],
    ['01', 'after the value'],
    ['\ufeff{}', 'no value'],
    ["{'a':1}", 'no key'],
    ['NaN', 'no value'],
  ])('%j is refused: %s', (text, problem) => {
    expect(() => mask(text, [rule('a')])).toThrow(problem);
    expect(() => mask(text, [rule('a')])).toThrow(JsonShapeError);
  });

  test('an error quotes nothing of the text', () => {
    expect(() => mask('{"password":"hunter2"', [])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });

  test('a million levels are refused without exhausting the stack, a thousand are read', () => {
    expect(() => mask('['.repeat(1_000_000), [rule('a')])).toThrow('nested deeper');
    expect(() => mask('{"a":'.repeat(1_000_000), [rule('a')])).toThrow('nested deeper');
    const deep = `${'['.repeat(1000)}${']'.repeat(1000)}`;
    expect(mask(deep, [rule('a')]).text).toBe(deep);
  });

  test('long inputs stay linear', () => {
    const started = performance.now();
    for (const text of [
      `"${'\\\\'.repeat(2_000_000)}"`,
      `[${'0,'.repeat(1_000_000)}0]`,
      `${' '.repeat(4_000_000)}1`,
      `"${'a'.repeat(4_000_000)}`,
    ]) {
      try {
        mask(text, [rule('a')]);
      } catch (error) {
        expect(error).toBeInstanceOf(JsonShapeError);
      }
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
