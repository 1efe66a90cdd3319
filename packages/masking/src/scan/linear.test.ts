import { expect, test } from '@jest/globals';
import { createScanner, createTextMasker } from '../index.ts';

const scanner = createScanner({
  detectors: ['secrets', 'pii', 'pii.ip', 'pii.mac', 'pii.person-name', 'pii.address'],
});
const SIZE = 10_000_000;
/** Many times what any of these takes; a quadratic scan would take hours. */
const BOUND_MS = 20_000;

const hostile: Readonly<Record<string, string>> = {
  'one letter': 'a',
  digits: '7',
  'digits in groups': '4111 ',
  at: '@',
  'mail-like': 'a@',
  'jwt heads': 'eyJ',
  'jwt dots': 'eyJhbGciOi.',
  'unterminated PEM': `-----BEGIN ${'PRIVATE'} KEY-----\n`,
  'PEM head and a body without end': `-----BEGIN ${'PRIVATE'} KEY-----\n${'A'.repeat(5000)}`,
  'nested quotes': '\\"',
  'quotes and keys': 'password="',
  'keys only': 'password',
  'keys and spaces': 'password ',
  'assignments to nothing': 'token=',
  'uri heads': 'a://b:',
  'uri and at': '://@',
  'github heads': 'ghp_',
  commas: 'password,',
  'table rows': 'a|password|b\n',
  parens: '(password,',
  cookies: 'cookie: a=b; ',
  'kinds of Secret': 'kind: Secret\n',
  'data objects': '"data":{"a":"aaaa",',
  commands: 'mysql -u ',
  capitals: 'AB12',
  plus: '+1',
  'ip-like': '1.',
  'hex colons': 'a:',
  spaces: ' ',
  newlines: '\n',
  'high bytes': 'é',
};

test.each(Object.entries(hostile))('10 MB of %s stay linear', (_name, piece) => {
  const bytes = new TextEncoder().encode(piece.repeat(Math.ceil(SIZE / piece.length))).subarray(0, SIZE);
  const started = Date.now();
  scanner.findInBytes(bytes, 0, bytes.length);
  expect(Date.now() - started).toBeLessThan(BOUND_MS);
});

test.each(Object.entries(hostile))('a stream of %s holds a bounded tail', (_name, piece) => {
  const masker = createTextMasker({ scanner, replace: () => '***MASKED***' });
  const chunk = new TextEncoder().encode(piece.repeat(Math.ceil(4096 / piece.length)));
  let held = 0;
  for (let i = 0; i < 30; i += 1) {
    masker.push(chunk);
    held = Math.max(held, masker.held);
  }
  expect(held).toBeLessThanOrEqual(32_768);
});
