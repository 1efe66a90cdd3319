import { expect, test } from '@jest/globals';
import { createScanner, createTextMasker } from '../index.ts';
import { DETECTORS } from './catalogue.ts';

const scanner = createScanner({
  detectors: ['secrets', 'pii', 'pii.ip', 'pii.mac', 'pii.person-name', 'pii.address'],
});
/** Many times what any of these takes; a quadratic scan would take hours. */
const BOUND_MS = 60_000;
/** The cheap ones in full, the others at a tenth: linear is linear. */
const LARGE = 10_000_000;
const SMALL = 1_000_000;
const IN_FULL = new Set([
  'one letter',
  'digits',
  'at',
  'jwt heads',
  'unterminated PEM',
  'PEM head and a body without end',
  'nested quotes',
  'keys only',
  'github heads',
  'uri and at',
  'hex colons',
  'spaces',
  'newlines',
  'colons',
  'equals',
  'quotes',
  'quotes in quotes',
  'backslashes',
  'base64 without end',
  'base64 of base64',
  'conversions',
]);

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
  colons: ':',
  equals: '=',
  'keys and colons': 'a:b=c:',
  'keys and equals': 'token=secret=',
  quotes: '"',
  'quotes in quotes': `"'\\"`,
  backslashes: '\\',
  'small letters and digits': 'a1b2c3d4',
  'base64 without end': 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo',
  'base64 of base64': deep(6),
  'echoes into pipes': 'echo a | ',
  'users and passwords': 'x -u a -p ',
  'fields of .pgpass': 'a:5432:b:c:',
  conversions: 'secret=Buffer.from(',
};

/** A text encoded again and again, as a Secret of a Secret would be. */
function deep(levels: number): string {
  return levels === 0 ? `password=${'kX93mQz8'}` : btoa(deep(levels - 1));
}

test('every literal any detector looks for, repeated, stays linear', () => {
  const anchors = new Set(
    DETECTORS.flatMap((detector) => [
      ...(detector.literals ?? []).flatMap((literal) => literal.anchors),
      ...(detector.keys ?? []).flatMap((key) => key.anchors),
    ]),
  );
  const share = Math.ceil(LARGE / anchors.size);
  const text = [...anchors].map((anchor) => anchor.repeat(Math.ceil(share / anchor.length))).join('\n');
  const bytes = new TextEncoder().encode(text);
  const started = Date.now();
  scanner.findInBytes(bytes, 0, bytes.length);
  expect(Date.now() - started).toBeLessThan(BOUND_MS);
}, 60_000);

test.each(Object.entries(hostile))(
  'megabytes of %s stay linear',
  (name, piece) => {
    const size = IN_FULL.has(name) ? LARGE : SMALL;
    const bytes = new TextEncoder().encode(piece.repeat(Math.ceil(size / piece.length))).subarray(0, size);
    const started = Date.now();
    scanner.findInBytes(bytes, 0, bytes.length);
    expect(Date.now() - started).toBeLessThan(BOUND_MS);
  },
  BOUND_MS,
);

test.each(Object.entries(hostile))(
  'a stream of %s holds a bounded tail',
  (_name, piece) => {
    const masker = createTextMasker({ scanner, replace: () => '***MASKED***' });
    const chunk = new TextEncoder().encode(piece.repeat(Math.ceil(4096 / piece.length)));
    let held = 0;
    for (let i = 0; i < 30; i += 1) {
      masker.push(chunk);
      held = Math.max(held, masker.held);
    }
    expect(held).toBeLessThanOrEqual(32_768);
  },
  BOUND_MS,
);
