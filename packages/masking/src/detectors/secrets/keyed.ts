import { byteClass } from '../../scan/bytes.ts';
import type { Detector, ValueJudge, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { decodeBase64 } from '../../validators/base64.ts';
import { judgePassword, judgeToken } from '../keyed/judge.ts';
import { isPlaceholder } from '../keyed/placeholder.ts';
import {
  isPasswordKey,
  isSessionKey,
  isTokenKey,
  PASSWORD_ANCHORS,
  TOKEN_ANCHORS,
} from '../keyed/secret-keys.ts';
import { BESIDE_USER } from './spoken.ts';
import { sample } from './token.ts';

const password = () => sample('[a-z]{5}[A-Z]{2}[0-9]{3}', 9);
const key = () => sample('[A-Za-z0-9]{32}', 10);

/** Values of keys that name a password. */
export const PASSWORD: Detector = {
  id: 'secrets.password',
  group: 'secrets',
  packs: ['secrets'],
  description:
    'Passwords by the name they are assigned to, in code, env files, YAML, JSON, INI, XML, SQL, tables',
  source: 'https://cwe.mitre.org/data/definitions/798.html',
  rank: 40,
  examples: () => ({
    positive: [
      { text: `DB_PASSWORD=${password()}`, value: password() },
      { text: `{"user":"bo","password":"${password()}"}`, value: password() },
      { text: `ALTER USER app PASSWORD '${password()}';`, value: password() },
    ],
    negative: [
      'password: string',
      'const password = req.body.password;',
      'password_policy: strict8',
      'the password is required',
      'PASSWORD=***MASKED***',
      `PASSWORD=${'$'}{PASSWORD}`,
    ],
  }),
  literals: BESIDE_USER,
  keys: [{ matches: isPasswordKey, anchors: PASSWORD_ANCHORS, judge: judgePassword }],
};

/** Keys named `auth` are in every code base; their value must look like credentials. */
const judgeAuth: ValueJudge = (view, value) => {
  const last = value.words[value.words.length - 1];
  const span = judgeToken(view, value);
  if (span && isSessionKey(value.words)) return isDrawn(view, span) ? span : null;
  if (!span || (last !== 'auth' && last !== 'key' && last !== 'keys')) return span;
  const text = view.text(span[0], Math.min(span[1], span[0] + 400));
  if (last === 'auth') {
    const decoded = decodeBase64(text);
    return decoded?.includes(':') || text.length >= 20 ? span : null;
  }
  return text.length >= 12 ? span : null;
};

const QUERY_VALUE = byteClass('\\w.~%+/=-');

/** `?key=…`: a key in an address says nothing of what it opens, so the value must say it: long and of mixed case. */
const queryKey: Verifier = (view, at, found) => {
  const start = at + 5;
  const end = view.run(QUERY_VALUE, start, 160);
  const text = view.text(start, end);
  if (!/^[\w-]{20,128}$/.test(text) || isPlaceholder(text)) return;
  if (/\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text)) found.add(start, end);
};

/** Values of keys that name a token, a secret or an API key. */
export const GENERIC: Detector = {
  id: 'secrets.generic',
  group: 'secrets',
  packs: ['secrets'],
  description: 'Tokens, secrets and API keys by the name they are assigned to',
  source: 'https://cwe.mitre.org/data/definitions/798.html',
  rank: 30,
  examples: () => ({
    positive: [
      { text: `api_key: "${key()}"`, value: key() },
      { text: `X-Api-Key: ${key()}`, value: key() },
      { text: `https://api.internal/v1?access_token=${key()}&page=2`, value: key() },
    ],
    negative: [
      'max_tokens: 4096',
      'next_page_token=abc123def456',
      'primary_key: user_id_2',
      'token_type: bearer1',
    ],
  }),
  literals: [{ anchors: ['?key=', '&key='], verify: queryKey }],
  keys: [{ matches: isTokenKey, anchors: TOKEN_ANCHORS, judge: judgeAuth }],
};

/** Long and of more letters than hexadecimal has: counters, UUIDs and digests under a session's key stay. */
function isDrawn(view: View, [start, end]: readonly [number, number]): boolean {
  const text = view.text(start, Math.min(end, start + 400));
  return text.length >= 20 && /\d/.test(text) && /[g-z]/i.test(text) && /^[\w.%+/=:-]+$/.test(text);
}

const phrase = 'abandon ability able about above absent absorb abstract absurd abuse access accident';

/** Wallet recovery phrases: twelve to twenty-four plain words under a key that says so. */
export const MNEMONIC: Detector = {
  id: 'secrets.mnemonic',
  group: 'secrets',
  packs: ['secrets'],
  description: 'Wallet recovery phrases under a key that says so',
  source: 'https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki',
  rank: 45,
  examples: () => ({
    positive: [{ text: `mnemonic: "${phrase}"`, value: phrase }],
    negative: ['mnemonic: "a device such as a pattern of letters"'],
  }),
  keys: [
    {
      phrases: [
        'mnemonic',
        'seed phrase',
        'recovery phrase',
        'mnemonic phrase',
        'wallet seed',
        'backup phrase',
      ],
      anchors: [
        'mnemonic',
        'seed phrase',
        'seed_phrase',
        'seedphrase',
        'recovery phrase',
        'recovery_phrase',
        'wallet seed',
        'wallet_seed',
        'backup phrase',
      ],
      judge: (view, value) => {
        const end =
          value.form === 'quoted' || value.form === 'cell'
            ? value.end
            : view.run(PLAIN_WORDS, value.start, 240);
        const words = view.text(value.start, end).trimEnd();
        const count = words.split(' ').length;
        const plain = /^[a-z]{3,8}(?: [a-z]{3,8})*$/.test(words);
        return plain && count >= 12 && count <= 24 && count % 3 === 0
          ? [value.start, value.start + words.length]
          : null;
      },
    },
  ],
};

const PLAIN_WORDS = byteClass('a-z ');
