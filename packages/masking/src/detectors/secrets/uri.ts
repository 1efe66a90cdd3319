import { ALNUM, byteClass, DIGIT } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { isPlaceholder } from '../keyed/placeholder.ts';
import { sample } from './token.ts';

const AUTHORITY = byteClass('^\\s"\'`<>\\\\|');
const SCHEME = byteClass('A-Za-z0-9+.-');
const LONGEST = 400;

/**
 * The password in `scheme://user:password@host` (RFC 3986 section 3.2.1), for every scheme. People leave reserved
 * characters unescaped, so the user part ends at the last `@` before the first `/`, or, where a password has a
 * slash in it, at an `@` that a host follows.
 */
const userInfo: Verifier = (view, at, found) => {
  const start = view.at(at + 1) === 0x5c ? at + 5 : at + 3;
  if (!view.is(SCHEME, at - 1)) return;
  let colon = -1;
  let atSign = -1;
  let slash = -1;
  let p = start;
  for (; p < start + LONGEST; p += 1) {
    const byte = view.at(p);
    if (byte < 0 || AUTHORITY[byte] === 0) break;
    if (byte === 0x3a && colon < 0 && atSign < 0) {
      if (slash >= 0) return;
      colon = p;
    }
    if ((byte === 0x2f || byte === 0x3f || byte === 0x23) && slash < 0) {
      slash = p;
      if (atSign >= 0 || colon < 0) break;
    }
    if (byte === 0x2c && atSign >= 0) break;
    if (byte === 0x3b && colon >= 0 && atSign < 0 && view.run(DIGIT, colon + 1, 6) === p) return;
    if (byte === 0x40) {
      atSign = p;
      if (slash >= 0) break;
    }
  }
  if (atSign < 0 || atSign === start) return;
  if (colon < 0) bareToken(view, start, atSign, found);
  else if (slash < 0 || slash > atSign || isSlashedPassword(view, colon, slash, atSign))
    password(view, start, colon, atSign, found);
};

/** `host:8080/path@x` is a port and a path; a password with a slash starts with something else. */
function isSlashedPassword(view: View, colon: number, slash: number, atSign: number): boolean {
  return view.run(DIGIT, colon + 1, 8) < slash && view.is(ALNUM, atSign + 1);
}

function password(
  view: View,
  start: number,
  colon: number,
  atSign: number,
  found: { add(s: number, e: number): void },
): void {
  const text = view.text(colon + 1, atSign);
  if (text === '' || isTemplate(text)) return;
  const user = view.text(start, colon);
  if (
    user === text &&
    /^(?:localhost|127\.|db|postgres|mysql|redis|rabbitmq|mongo)/.test(view.text(atSign + 1, atSign + 12))
  )
    return;
  if (text.length < 3) return;
  found.add(colon + 1, atSign);
}

function isTemplate(text: string): boolean {
  if (/^[$%{<[(*]/.test(text) && isPlaceholder(text)) return true;
  const bare = text.toLowerCase().replace(/[^a-z]/g, '');
  return (
    (TEMPLATE_WORDS.has(bare) && !/\d/.test(text)) ||
    (isPlaceholder(text) && text.length >= 3 && !/\d{2}/.test(text))
  );
}

const TEMPLATE_WORDS = new Set(
  'password pass passwd pwd secret yourpassword mypassword token xxx xxxx xxxxx redacted masked hidden'.split(
    ' ',
  ),
);

/** `https://TOKEN@host`: only what is long and mixed enough to be a token. */
function bareToken(view: View, start: number, end: number, found: { add(s: number, e: number): void }): void {
  const text = view.text(start, end);
  if (text.length < 20 || !/\d/.test(text) || !/[a-z]/i.test(text) || /^[0-9a-f]{32}$/.test(text)) return;
  if (/[/?#]/.test(text) || isPlaceholder(text)) return;
  found.add(start, end);
}

/** `user:password@tcp(host:3306)/db` of Go's MySQL driver. */
const goMysql: Verifier = (view, at, found) => {
  const start = view.runBack(byteClass('^\\s"\'`=<>,;'), at, 200);
  let colon = start;
  while (colon < at && view.at(colon) !== 0x3a) colon += 1;
  if (colon === start || colon >= at - 2 || isTemplate(view.text(colon + 1, at))) return;
  if (view.at(colon + 1) !== 0x2f) found.add(colon + 1, at);
};

/** `jdbc:oracle:thin:user/password@host`. */
const oracleThin: Verifier = (view, at, found) => {
  const user = at + ':thin:'.length;
  const slash = view.run(byteClass('\\w'), user, 64);
  if (slash === user || view.at(slash) !== 0x2f) return;
  const end = view.run(byteClass('^\\s"\'@<>'), slash + 1, 128);
  if (view.at(end) !== 0x40 || isTemplate(view.text(slash + 1, end))) return;
  found.add(slash + 1, end);
};

const PGPASS_LINE = byteClass('^\\s"\'');
/** Host, port, database, user; a host that is an address of IPv6 has its colons escaped. */
const PGPASS = /^((?:[\w.*-]|\\:)+:(?:\d{2,5}|\*):[\w.*-]+:[A-Za-z*][\w.@*-]*:)((?:[^:\\]|\\.)+)$/;

/**
 * The last field of a .pgpass line, `host:port:database:user:password` (PostgreSQL manual, "The Password File"). The
 * port may be any, so what is looked for is any field such a line often has, and then the line must have all five.
 */
const pgpass: Verifier = (view, at, found) => {
  const start = view.runBack(PGPASS_LINE, at, 160);
  const end = view.run(PGPASS_LINE, at, 320);
  const match = PGPASS.exec(view.text(start, end));
  if (!match) return;
  const [, before = '', secret = ''] = match;
  // /etc/shadow has as many colons and more; a clock and a count have nothing that names a user.
  if (secret.length < 3 || isTemplate(secret)) return;
  found.add(start + before.length, end);
};

const secret = () => sample('[A-Za-z0-9]{14}', 3);

export const CONNECTION_STRING: Detector = {
  id: 'secrets.connection-string',
  group: 'secrets',
  packs: ['secrets'],
  description: 'Passwords in connection strings and URLs of every scheme, JDBC, .pgpass lines',
  source: 'https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1',
  rank: 85,
  examples: () => ({
    positive: [
      { text: `DATABASE_URL=postgres://app:${secret()}@db.internal:5432/shop`, value: secret() },
      { text: `10.0.0.7:5432:shop:app:${secret()}`, value: secret() },
    ],
    negative: [
      `postgres://app:${'$'}{DB_PASSWORD}@db/shop`,
      'postgres://user:password@localhost/db',
      'http://localhost:8080/users/a@b',
      'postgres://app:***MASKED***@db/shop',
    ],
  }),
  literals: [
    { anchors: ['://', ':\\/\\/'], verify: userInfo },
    { anchors: [':thin:'], verify: oracleThin },
    { anchors: ['@tcp(', '@unix('], verify: goMysql },
    {
      anchors: [
        '432:',
        '433:',
        '434:',
        '543:',
        ':*:',
        'localhost:',
        ':postgres:',
        ':template1:',
        ':replication:',
      ],
      verify: pgpass,
    },
  ],
};
