import { createPublicKey } from 'node:crypto';
import type { SigningKeys } from '../../crypto/signing-keys.ts';

/** A public JWK; `kid` names the key in a token's header. */
export type PublicJwk = { readonly kty: string } & Readonly<Record<string, unknown>>;

/** The public halves of every key that Scrim tokens may be signed with, for verifiers. */
export async function publicJwks(keys: SigningKeys): Promise<PublicJwk[]> {
  // Makes the first key, so that a snapshot is never without one.
  await keys.current('token');
  return (await keys.all('token')).map((key) => {
    const spki = createPublicKey({ key: Buffer.from(key.public ?? []), format: 'der', type: 'spki' });
    const jwk = spki.export({ format: 'jwk' });
    return { ...jwk, kty: 'OKP', kid: key.keyId, alg: 'EdDSA', use: 'sig' };
  });
}
