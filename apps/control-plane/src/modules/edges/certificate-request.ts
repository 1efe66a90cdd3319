import 'reflect-metadata';
import { createPublicKey } from 'node:crypto';
import { Pkcs10CertificateRequest } from '@peculiar/x509';

/** A certificate request that was checked: the sender holds the private key, and the key is of a kind we sign. */
export interface CheckedRequest {
  /** SPKI, DER. */
  readonly publicKey: Buffer;
}

/** Why a certificate request is refused; the message goes to the edge. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
}

/** A request with one key and no wishes is about 200 bytes; more is not ours. */
const MAX_BYTES = 4096;

function keyKind(der: Buffer): string {
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === undefined ? String(key.asymmetricKeyType) : `${key.asymmetricKeyType} ${curve}`;
}

/**
 * Checks a PKCS #10 request (RFC 2986): well formed, signed by the key it names (proof of possession), and that key
 * Ed25519 or EC P-256. Names and extensions asked for are ignored: the authority alone decides what it certifies.
 *
 * @throws RequestRefused
 */
export async function checkRequest(der: Uint8Array): Promise<CheckedRequest> {
  if (der.length === 0 || der.length > MAX_BYTES) {
    throw new RequestRefused(`the certificate request must be 1 to ${MAX_BYTES} bytes`);
  }
  try {
    const request = new Pkcs10CertificateRequest(Uint8Array.from(der));
    const publicKey = Buffer.from(request.publicKey.rawData);
    const kind = keyKind(publicKey);
    if (kind !== 'ed25519' && kind !== 'ec prime256v1') {
      throw new RequestRefused(`the key is ${kind}; use Ed25519 or EC P-256`);
    }
    if (!(await request.verify())) throw new RequestRefused('the request is not signed by the key it names');
    return { publicKey };
  } catch (error) {
    if (error instanceof RequestRefused) throw error;
    // Parsers and WebCrypto throw many kinds; the peer learns only that its bytes were not understood.
    throw new RequestRefused('the certificate request could not be understood');
  }
}
