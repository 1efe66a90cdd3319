import { BLANK, byteClass, QUOTE } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { decodeBase64, isPrintable } from '../../validators/base64.ts';
import { isPlaceholder } from '../keyed/placeholder.ts';
import { sample } from './token.ts';

const TOKEN68 = byteClass('A-Za-z0-9._~+/=-');
const BASE64 = byteClass('A-Za-z0-9+/=');

/** RFC 6750 section 2.1. */
const bearer: Verifier = (view, at, found) => {
  const gap = at + 6;
  if (!view.is(BLANK, gap)) return;
  const start = view.run(BLANK, gap, 4);
  const end = trimDots(view, start, view.run(TOKEN68, start));
  const text = view.text(start, Math.min(end, start + 200));
  if (text.length < 12 || isPlaceholder(text) || !/\d/.test(text)) return;
  if (/^[a-z]+(?:[-_.][a-z\d]+)*$/.test(text) && !/[a-z]\d|\d[a-z]/.test(text)) return;
  if (/EXAMPLE|example/.test(text)) return;
  found.add(start, end);
};

function trimDots(view: View, start: number, end: number): number {
  let p = end;
  while (p > start && view.at(p - 1) === 0x2e) p -= 1;
  return p;
}

/** RFC 7617: the base64 decodes to `user:password`. */
const basic: Verifier = (view, at, found) => {
  const gap = at + 5;
  if (!view.is(BLANK, gap)) return;
  const start = view.run(BLANK, gap, 4);
  const end = view.run(BASE64, start, 2048);
  if (end - start < 6) return;
  const decoded = decodeBase64(view.text(start, end));
  if (decoded === null || !isPrintable(decoded)) return;
  const colon = decoded.indexOf(':');
  if (colon < 0 || /\s/.test(decoded.slice(0, colon))) return;
  if (/^(?:user(?:name)?|<user>|aladdin):/i.test(decoded) && isPlaceholder(decoded.slice(colon + 1))) return;
  found.add(start, end);
};

export const AUTHORIZATION: Detector = {
  id: 'secrets.authorization',
  group: 'secrets',
  packs: ['secrets'],
  description: 'Bearer tokens and Basic credentials of HTTP Authorization headers',
  source: 'https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2',
  rank: 70,
  examples: () => ({
    positive: [
      { text: `Authorization: Bearer ${sample('[A-Za-z0-9]{40}', 5)}`, value: sample('[A-Za-z0-9]{40}', 5) },
      { text: `-H 'Authorization: Basic ${btoa('deploy:kX93mQz81')}'`, value: btoa('deploy:kX93mQz81') },
    ],
    negative: ['Authorization: Bearer <token>', 'uses Bearer authentication everywhere', 'Basic auth is off'],
  }),
  literals: [
    { anchors: ['bearer'], verify: bearer },
    { anchors: ['basic '], verify: basic },
  ],
};

const COOKIE_LEAD = byteClass(' :="\'\\\\,[{value');
const NAME = byteClass('\\w.-');
const COOKIE_VALUE = byteClass('^\\s;,"\'\\\\<>&)}');
const SESSION_NAME =
  /(?:^|[._-])(?:sess|sid|session|sessionid|auth|token|jwt|remember|login|identity|access|refresh|passport|ticket|secure)|sess(?:ion)?(?:id)?$|sid$|token$|^connect\.|auth$|aspxauth|_session|^__host-|^__secure-/i;
const HARMLESS =
  /^(?:_ga|_gid|_fbp|theme|lang|locale|consent|path|domain|max-age|expires|samesite|version|csrftoken|xsrf-token|optimizely|ajs_)/i;

/** Cookie and Set-Cookie (RFC 6265): the values of cookies whose names say session, login or token. */
const cookie: Verifier = (view, at, found) => {
  let p = at + 6;
  if (view.at(p) === 0x73) p += 1;
  const lead = view.run(COOKIE_LEAD, p, 16);
  if (lead === p) return;
  p = lead;
  while (p > at + 6 && NAME[view.at(p - 1)] === 1) p -= 1;
  for (let pairs = 0; pairs < 32; pairs += 1) {
    const nameEnd = view.run(NAME, p, 64);
    if (nameEnd === p) return;
    const colon = view.is(QUOTE, nameEnd) && view.at(nameEnd + 1) === 0x3a ? 1 : 0;
    if (colon === 0 && view.at(nameEnd) !== 0x3d) return;
    const gap = view.run(BLANK, nameEnd + 1 + colon, colon * 2);
    const quote = view.at(gap) === 0x22 || (colon === 1 && view.is(QUOTE, gap)) ? 1 : 0;
    const start = gap + quote;
    const end = view.run(COOKIE_VALUE, start, 4096);
    const name = view.text(p, nameEnd);
    if (SESSION_NAME.test(name) && !HARMLESS.test(name)) sessionValue(view, start, end, found);
    p = end + quote;
    if (view.at(p) !== (colon === 1 ? 0x2c : 0x3b)) return;
    p = view.run(BLANK, p + 1, 4) + (colon === 1 && view.is(QUOTE, view.run(BLANK, p + 1, 4)) ? 1 : 0);
  }
};

function sessionValue(
  view: View,
  start: number,
  end: number,
  found: { add(s: number, e: number): void },
): void {
  const text = view.text(start, Math.min(end, start + 200));
  if (text.length < 10 || isPlaceholder(text) || !/\d/.test(text) || /^\d{1,13}$/.test(text)) return;
  found.add(start, end);
}

/** Session cookies named by well-known frameworks, outside a header too. */
const known: Verifier = (view, at, found) => {
  const nameEnd = view.run(NAME, at, 40);
  const slash = view.at(nameEnd) === 0x22 && view.is(QUOTE, at - 1) ? 1 : 0;
  let p = nameEnd + slash;
  if (view.at(p) !== 0x3d && view.at(p) !== 0x3a) return;
  p = view.run(BLANK, p + 1, 2);
  if (view.is(QUOTE, p)) p += 1;
  sessionValue(view, p, view.run(COOKIE_VALUE, p, 4096), found);
};

export const COOKIE: Detector = {
  id: 'secrets.cookie',
  group: 'secrets',
  packs: ['secrets'],
  description: 'Session cookies in Cookie and Set-Cookie headers',
  source: 'https://www.rfc-editor.org/rfc/rfc6265',
  rank: 65,
  examples: () => ({
    positive: [
      {
        text: `Cookie: theme=dark; session=${sample('[A-Za-z0-9]{32}', 6)}`,
        value: sample('[A-Za-z0-9]{32}', 6),
      },
    ],
    negative: ['Cookie: theme=dark; lang=en-GB', 'Set-Cookie: consent=yes2024accepted; Path=/'],
  }),
  literals: [
    { anchors: ['cookie'], verify: cookie },
    {
      anchors: [
        'phpsessid',
        'jsessionid',
        'connect.sid',
        'asp.net_sessionid',
        'laravel_session',
        'aspxauth',
        '_session_id',
        'sessionid=',
      ],
      verify: known,
    },
  ],
};
