import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

/** Fewer iterations than any server's default would let a false server try passwords cheaply; more would stall us. */
const MAX_ITERATIONS = 1_000_000;

/**
 * Client side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677; channel binding RFC 5929).
 * A server that cannot prove that it knows the password is an error: it is not the target.
 */
export class ScramClient {
  readonly #password: string;
  readonly #nonce = randomBytes(18).toString('base64');
  readonly #header: string;
  readonly #binding: Buffer;
  #serverSignature: Buffer | null = null;

  /** @param binding the certificate's hash for `-PLUS`; `unused` = TLS, but the server does not offer binding */
  constructor(password: string, binding: Buffer | 'unused' | null) {
    this.#password = prepare(password);
    this.#header = Buffer.isBuffer(binding)
      ? 'p=tls-server-end-point,,'
      : binding === 'unused'
        ? 'y,,'
        : 'n,,';
    this.#binding = Buffer.isBuffer(binding) ? binding : Buffer.alloc(0);
  }

  /** client-first-message. PostgreSQL takes the user from the start-up packet and ignores the one here. */
  first(): string {
    return `${this.#header}n=,r=${this.#nonce}`;
  }

  /** client-final-message, answering server-first-message. Throws when the server's message is not one. */
  async final(serverFirst: string): Promise<string> {
    const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d+)$/.exec(serverFirst);
    const nonce = match?.[1] ?? '';
    const iterations = Number(match?.[3]);
    if (!match || !nonce.startsWith(this.#nonce) || nonce.length <= this.#nonce.length) {
      throw new Error('the server sent no valid SCRAM challenge');
    }
    if (iterations < 1 || iterations > MAX_ITERATIONS)
      throw new Error('the SCRAM iteration count is out of bounds');
    const salted = await derive(
      this.#password,
      Buffer.from(match[2] as string, 'base64'),
      iterations,
      32,
      'sha256',
    );
    const clientKey = hmac(salted, 'Client Key');
    const bound = Buffer.concat([Buffer.from(this.#header), this.#binding]).toString('base64');
    const withoutProof = `c=${bound},r=${nonce}`;
    const signed = `n=,r=${this.#nonce},${serverFirst},${withoutProof}`;
    const signature = hmac(createHash('sha256').update(clientKey).digest(), signed);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] as number)));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed);
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** True when server-final-message proves that the server knows the password. */
  verify(serverFinal: string): boolean {
    const match = /^v=([A-Za-z0-9+/=]+)$/.exec(serverFinal);
    const given = Buffer.from(match?.[1] ?? '', 'base64');
    const due = this.#serverSignature;
    return due !== null && given.length === due.length && timingSafeEqual(given, due);
  }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** SASLprep (RFC 4013) as far as passwords in use need it: odd spaces become spaces, then NFKC. */
function prepare(password: string): string {
  return password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g, '')
    .normalize('NFKC');
}

const SIGNATURE_HASH: Record<string, string> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  // MD5 and SHA-1 certificates are hashed with SHA-256 (RFC 5929 section 4.1)
  '2a864886f70d010104': 'sha256',
  '2a864886f70d010105': 'sha256',
  '2a8648ce3d0401': 'sha256',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

/**
 * `tls-server-end-point` binding of a certificate in DER, or null where its signature algorithm names no single hash
 * (Ed25519, RSA-PSS): PostgreSQL cannot bind those either.
 */
export function endpointBinding(certificate: Buffer): Buffer | null {
  // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OID, ... }, ... }
  const outer = element(certificate, 0);
  const tbs = element(certificate, outer.start);
  const algorithm = element(certificate, tbs.end);
  const oid = element(certificate, algorithm.start);
  const hash = SIGNATURE_HASH[certificate.toString('hex', oid.start, oid.end)];
  return hash === undefined ? null : createHash(hash).update(certificate).digest();
}

function element(der: Buffer, at: number): { start: number; end: number } {
  let length = der.readUInt8(at + 1);
  let start = at + 2;
  if (length > 0x80) {
    const size = length - 0x80;
    length = der.readUIntBE(start, size);
    start += size;
  }
  return { start, end: start + length };
}
