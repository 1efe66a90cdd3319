import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compileGlob } from './glob.ts';
import { compileColumnPattern, compileFieldPattern, compileHeaderPattern } from './index.ts';

describe('column patterns', () => {
  test.each([
    ['customers.ssn', 'public', 'customers', 'ssn', true],
    ['customers.ssn', 'sales', 'customers', 'ssn', true],
    ['customers.ssn', 'pg_catalog', 'customers', 'ssn', false],
    ['*.*', 'information_schema', 'columns', 'table_name', false],
    ['*.*', 'pg_temp_3', 't', 'ssn', true],
    ['pg_catalog.pg_authid.rolpassword', 'pg_catalog', 'pg_authid', 'rolpassword', true],
    ['*.pg_authid.rolpassword', 'pg_catalog', 'pg_authid', 'rolpassword', true],
    ['customers.ssn', 'public', 'customers', 'ssn2', false],
    ['customers.ssn', 'public', 'xcustomers', 'ssn', false],
    ['users.userEmail', 'public', 'users', 'userEmail', true],
    ['USERS.email', 'public', 'users', 'Email', true],
    ['"users"."email"', 'public', 'users', 'Email', false],
    ['"My Table"."c"', 'public', 'My Table', 'c', true],
    ['"a.b"."c""d"', 'public', 'a.b', 'c"d', true],
    ['"*".c', 'public', 'x', 'c', false],
    ['"*".c', 'public', '*', 'c', true],
    ['app_*.*.*_token', 'app_eu', 'sessions', 'refresh_token', true],
    ['app_*.*.*_token', 'app_eu', 'sessions', 'token', false],
    ['public.café.prénom', 'public', 'café', 'prénom', true],
    [' customers.ssn ', 'public', 'customers', 'ssn', true],
  ])('%s on %s.%s.%s: %s', (pattern, schema, table, column, matches) => {
    expect(compileColumnPattern(pattern).matches(schema, table, column)).toBe(matches);
  });

  test.each([
    ['ssn', '*.ssn'],
    ['a.b.c.d', '4 parts'],
    ['a..b', 'empty name'],
    ['.b', 'empty name'],
    ['a.', 'empty name'],
    ['a."b', 'close it'],
    ['a."b"c', 'dot between'],
    ['a.""', 'empty name'],
    ['my table.c', 'double quotes'],
    ['a.b;drop', 'double quotes'],
    ['', 'is not a text'],
    [' ', 'is not a text'],
    ['x'.repeat(2000), 'is not a text'],
    [42, 'is not a text'],
  ])('refuses %j, saying %s', (pattern, message) => {
    expect(() => compileColumnPattern(pattern as string)).toThrow(message);
    expect(() => compileColumnPattern(pattern as string)).toThrow(
      expect.objectContaining({ name: 'PlaceError', pattern: String(pattern) }),
    );
  });
});

test('a glob agrees with the regular expression it means', () => {
  const alphabet = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(alphabet, text, (glob, value) => {
      expect(compileGlob(glob)(value)).toBe(new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(value));
    }),
    { numRuns: 2000 },
  );
});

describe('header patterns', () => {
  test.each([
    ['X-Api-Key', 'x-api-key', true],
    ['x-*-token', 'X-Auth-Token', true],
    ['x-*-token', 'x-token', false],
    ['*', 'cookie', true],
    ['authorization', 'authorization2', false],
  ])('%s on %s: %s', (pattern, name, matches) => {
    expect(compileHeaderPattern(pattern).matches(name)).toBe(matches);
  });

  test.each(['x-api-key:', 'a b', 'é', ''])('refuses %j', (pattern) => {
    expect(() => compileHeaderPattern(pattern)).toThrow(expect.objectContaining({ name: 'PlaceError' }));
  });
});

describe('field patterns', () => {
  test.each([
    ['api_key', ['api_key'], true],
    ['api_key', ['a', 0, 'apiKey'], true],
    ['api_key', ['API-KEY'], true],
    ['apiKey', ['api_key'], true],
    ['api_key', ['api_keys'], false],
    ['api_key', ['api_ke'], false],
    ['api_key', ['api_key', 'x'], false],
    ['key', ['\u212aEY'], true],
    ['key', ['KE\u0059'], true],
    ['*_token', ['refreshToken'], true],
    ['*_token', ['tokens'], false],
    ['$..api_key', ['a', 'api_key'], true],
    ['$..api_key', ['apiKey'], false],
    ['$.users[*].email', ['users', 3, 'email'], true],
    ['$.users[*].email', ['users', 'x', 'email'], true],
    ['$.users[*].email', ['users', 'email'], false],
    ['$.users[0].email', ['users', 0, 'email'], true],
    ['$.users[0].email', ['users', 1, 'email'], false],
    ['$.users[0].email', ['users', '0', 'email'], false],
    ["$.a['b c']", ['a', 'b c'], true],
    ["$['it\\'s \"x\"']", ['it\'s "x"'], true],
    ['$["\\u0061"]', ['a'], true],
    ["$..['a.b']", ['x', 'a.b'], true],
    ['$..a..b', ['a', 'x', 'y', 'b'], true],
    ['$..a..b', ['b', 'a'], false],
    ['$..a.b', ['a', 'a', 'b'], true],
    ['$..*', ['a'], true],
    ['$..*', [], false],
    ['$', [], true],
    ['$', ['a'], false],
    ['$[0]', [0], true],
    ['$..[1]', ['a', 1], true],
    ['$.api-key', ['api-key'], true],
  ])('%s on %j: %s', (pattern, path, matches) => {
    expect(compileFieldPattern(pattern).matchesPath(path)).toBe(matches);
  });

  test.each([
    '',
    '$.',
    '$..',
    '$a',
    '$.a[',
    '$.a[1:2]',
    '$.a[?(@.b)]',
    "$['a','b']",
    '$.a[-1]',
    '$.a*',
    '$.[0]',
    'user.email',
    '@.a',
    '--',
    `$${'.a'.repeat(31)}`,
    "$['\\x']",
  ])('refuses %j', (pattern) => {
    expect(() => compileFieldPattern(pattern)).toThrow(expect.objectContaining({ name: 'PlaceError' }));
  });

  test('a cursor gives the same answer after coming back, whatever was below', () => {
    const path = fc.array(fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.nat(2)), { maxLength: 6 });
    const pattern = fc.constantFrom('$..a.b', '$.a[*]', '$..a..b', 'a', '$.*.*', '$..[1]');
    fc.assert(
      fc.property(pattern, path, path, (source, above, below) => {
        const matcher = compileFieldPattern(source);
        const cursor = matcher.start();
        for (const key of above) cursor.push(key);
        const before = cursor.matched;
        for (const key of below) cursor.push(key);
        expect(cursor.matched).toBe(matcher.matchesPath([...above, ...below]));
        if (cursor.matched && below.length > 0) expect(matcher.matchesPath([...above, ...below])).toBe(true);
        for (const _ of below) cursor.pop();
        expect(cursor.matched).toBe(before);
      }),
    );
  });

  test('a cursor that is no longer alive matches nothing below', () => {
    const cursor = compileFieldPattern('$.a.b').start();
    cursor.push('x');
    expect(cursor.alive).toBe(false);
    cursor.push('b');
    expect(cursor.matched).toBe(false);
  });
});
