import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Secret } from '@scrim/model';

const FORM = /^scrim_ak_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export interface NewApiKey {
  /** `scrim_ak_<prefix>_<secret>`: shown once, when the key is made. */
  readonly key: Secret;
  readonly prefix: string;
  readonly hash: Uint8Array<ArrayBuffer>;
}

/** 256 random bits need no slow hash: there is no list of likely keys to try. The prefix is the salt. */
function hashOf(prefix: string, secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHmac('sha256', `scrim api key ${prefix}`).update(secret).digest());
}

export function newApiKey(): NewApiKey {
  const prefix = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  return { key: new Secret(`scrim_ak_${prefix}_${secret}`), prefix, hash: hashOf(prefix, secret) };
}

/** The two halves of a key's text; undefined when the text is none. */
export function parseApiKey(text: string): { readonly prefix: string; readonly secret: string } | undefined {
  const match = FORM.exec(text);
  return match ? { prefix: match[1] as string, secret: match[2] as string } : undefined;
}

export function apiKeyMatches(hash: Uint8Array, prefix: string, secret: string): boolean {
  const given = hashOf(prefix, secret);
  return hash.length === given.length && timingSafeEqual(hash, given);
}
