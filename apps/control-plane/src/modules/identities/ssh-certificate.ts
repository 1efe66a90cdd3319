import { createPublicKey, type KeyObject } from 'node:crypto';
import { CertificateError, issueCertificate, publicKeyBlob } from '@scrim/protocol-ssh/certificate';
import { privateKeyOf, type SigningKeys, type StoredKey } from '../../crypto/signing-keys.ts';
import { invalid } from '../../http/problem.ts';
import type { TokenClaims } from './token.ts';

/** A certificate may begin this much earlier: clocks of control plane and edges differ. */
const EARLIER_SECONDS = 60;

function publicKeyOf(key: StoredKey): KeyObject {
  return createPublicKey({ key: Buffer.from(key.public ?? []), format: 'der', type: 'spki' });
}

/** The public halves of every key that SSH user certificates may be signed with, as in OpenSSH `.pub` files. */
export async function sshAuthorityLines(keys: SigningKeys): Promise<string[]> {
  await keys.current('ssh-ca');
  return (await keys.all('ssh-ca')).map(
    (key) => `ssh-ed25519 ${publicKeyBlob(publicKeyOf(key)).toString('base64')}`,
  );
}

/** Signs what a token would say into a certificate for `publicKey`. Throws an ApiError that names the field. */
export async function signCertificate(
  keys: SigningKeys,
  publicKey: string,
  claims: TokenClaims,
  now: number,
): Promise<string> {
  const key = await keys.current('ssh-ca');
  const { subject, groups, kind, connections, tokenId, expiresAt } = claims;
  const request = {
    publicKey,
    // Ids are 12 random bytes; eight of them are as hard to meet twice as a serial needs to be.
    serial: Buffer.from(tokenId, 'base64url').readBigUInt64BE(0),
    keyId: subject,
    principals: connections,
    validAfter: BigInt(Math.floor(now / 1000) - EARLIER_SECONDS),
    validBefore: BigInt(expiresAt),
    caller: { groups, kind, tokenId },
  };
  try {
    return issueCertificate(request, privateKeyOf(key), publicKeyOf(key));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw invalid(
      'publicKey',
      error.message,
      'give the line of a .pub file that `ssh-keygen -t ed25519` made',
    );
  }
}
