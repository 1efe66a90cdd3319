import { BASE64URL } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import { startsWord } from '../../scan/pattern.ts';
import { LOOK_AHEAD, type View } from '../../scan/view.ts';
import { decodeBase64 } from '../../validators/base64.ts';

/** Whether base64url text is the JSON header of a JWS or JWE (RFC 7515 section 4, RFC 7516 section 4). */
function isJoseHeader(view: View, start: number, end: number): boolean {
  const json = decodeBase64(view.text(start, Math.min(end, start + 1024)));
  if (!json?.startsWith('{"')) return false;
  return /"(?:alg|typ|enc|kid)"\s*:/.test(json);
}

const verify: Verifier = (view, at, found) => {
  if (!startsWord(view, at)) return;
  const headerEnd = view.run(BASE64URL, at, 2048);
  if (headerEnd - at < 12 || view.at(headerEnd) !== 0x2e) return;
  const payload = headerEnd + 1;
  const payloadEnd = view.run(BASE64URL, payload, LOOK_AHEAD);
  if (payloadEnd - payload >= LOOK_AHEAD) {
    if (!isJoseHeader(view, at, headerEnd)) return;
    found.add(at, payloadEnd);
    found.flow('base64url');
    return;
  }
  let end = payloadEnd;
  let parts = 2;
  while (parts < 5 && view.at(end) === 0x2e) {
    const next = view.run(BASE64URL, end + 1, LOOK_AHEAD);
    if (next === end + 1 && parts > 2) break;
    end = next;
    parts += 1;
  }
  if (parts < 3 || end - at < 36 || !isJoseHeader(view, at, headerEnd)) return;
  if (payloadEnd === payload && parts < 5) return;
  found.add(at, end);
};

const part = (json: string): string => btoa(json).replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_');

function example(): string {
  const header = part(JSON.stringify({ alg: 'HS256', typ: 'JWT' }));
  const payload = part(JSON.stringify({ sub: '1029384756', role: 'billing', iat: 1716239022 }));
  return `${header}.${payload}.${part('signature bytes of this token..')}`;
}

export const JWT: Detector = {
  id: 'secrets.jwt',
  group: 'secrets',
  packs: ['secrets'],
  description: 'JSON Web Tokens, signed or encrypted; the header must decode',
  source: 'https://www.rfc-editor.org/rfc/rfc7519',
  rank: 80,
  examples: () => ({
    positive: [{ text: `jwt ${example()} sent`, value: example() }],
    negative: [
      `cursor=${part(JSON.stringify({ id: 41, dir: 'next', page: 7 }))}`,
      'eyJ is how a token starts',
    ],
  }),
  literals: [{ anchors: ['eyJ'], verify }],
};
