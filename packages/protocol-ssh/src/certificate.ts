/**
 * OpenSSH user certificates (OpenSSH's PROTOCOL.certkeys): read, proven, and, for the control plane, made.
 *
 *   string type, string nonce, (public key fields), uint64 serial, uint32 kind, string key id, string principals,
 *   uint64 valid after, uint64 valid before, string critical options, string extensions, string reserved,
 *   string CA key, string signature over everything before it
 */
import { createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { SshReader, string, uint32, uint64 } from './ssh-bytes.ts';

const USER = 1;
const ED25519 = 'ssh-ed25519';
/** The certificate's own extension: who the caller is, as JSON. Servers that do not know it pass over it. */
const CALLER_EXTENSION = 'caller@scrim';

export interface UserCertificate {
  /** `ssh-ed25519-cert-v01@openssh.com` and the like. */
  readonly type: string;
  readonly serial: bigint;
  /** The caller's subject. */
  readonly keyId: string;
  /** Names of connections it opens. */
  readonly principals: readonly string[];
  /** Epoch seconds; the second one is the first at which it is no longer valid. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly criticalOptions: ReadonlyMap<string, string>;
  /** What the control plane says of the caller. */
  readonly caller: {
    readonly groups: readonly string[];
    readonly kind: 'person' | 'machine';
    /** By which it is revoked. */
    readonly tokenId: string;
  };
  /** Wire form of the authority's key. */
  readonly authority: Buffer;
}

/** A text that is no certificate this edge can read; the message says what is wrong, never what it said. */
export class CertificateError extends Error {}

interface KeyType {
  /** Reads the public key's fields. */
  readonly read: (reader: SshReader) => KeyObject;
  /** Names a signature by the key may carry, with what each hashes by; null = the key's own way. */
  readonly signatures: Readonly<Record<string, string | null>>;
  readonly curveBytes?: number;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function ed25519Key(point: Uint8Array): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: base64url(point) } });
}

function positive(bytes: Buffer): Buffer {
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}

function ecdsa(name: string, crv: string, hash: string, size: number): [string, KeyType] {
  return [
    `${name}-cert-v01@openssh.com`,
    {
      read: (reader) => {
        reader.string();
        const point = reader.string();
        if (point[0] !== 4 || point.length !== 1 + 2 * size)
          throw new CertificateError('the key is no point');
        const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
        return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv, x: base64url(x), y: base64url(y) } });
      },
      signatures: { [name]: hash },
      curveBytes: size,
    },
  ];
}

const RSA: KeyType = {
  read: (reader) => {
    const e = positive(reader.string());
    const n = positive(reader.string());
    if (n.length < 256) throw new CertificateError('an RSA key needs 2048 bits');
    return createPublicKey({ format: 'jwk', key: { kty: 'RSA', n: base64url(n), e: base64url(e) } });
  },
  signatures: { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' },
};

const KEY_TYPES: ReadonlyMap<string, KeyType> = new Map([
  [
    `${ED25519}-cert-v01@openssh.com`,
    { read: (reader: SshReader) => ed25519Key(reader.string()), signatures: { [ED25519]: null } },
  ],
  ecdsa('ecdsa-sha2-nistp256', 'P-256', 'sha256', 32),
  ecdsa('ecdsa-sha2-nistp384', 'P-384', 'sha384', 48),
  ecdsa('ecdsa-sha2-nistp521', 'P-521', 'sha512', 66),
  ['ssh-rsa-cert-v01@openssh.com', RSA],
]);

/** Key algorithms a certificate may be offered under; RSA ones are named by their hash. */
export function isCertificateAlgorithm(algorithm: string): boolean {
  return algorithm.endsWith('-cert-v01@openssh.com');
}

interface Read {
  readonly certificate: UserCertificate;
  readonly key: KeyObject;
  readonly type: KeyType;
  /** What the authority signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function entries(bytes: Buffer, dataIsString: boolean): Map<string, string> {
  const found = new Map<string, string>();
  const reader = new SshReader(bytes);
  while (reader.left > 0) {
    const name = reader.text();
    const data = reader.string();
    if (found.has(name)) throw new CertificateError('an option is named twice');
    found.set(name, dataIsString && data.length > 0 ? new SshReader(data).text() : data.toString('latin1'));
  }
  return found;
}

function callerOf(text: string | undefined): UserCertificate['caller'] {
  if (text === undefined) throw new CertificateError('the certificate does not say who the caller is');
  const { groups, kind, tokenId } = JSON.parse(text) as Record<string, unknown>;
  const readable = Array.isArray(groups) && groups.every((it) => typeof it === 'string');
  if (!readable || (kind !== 'person' && kind !== 'machine') || typeof tokenId !== 'string') {
    throw new CertificateError('the certificate does not say who the caller is');
  }
  return { groups: groups as string[], kind, tokenId };
}

function read(blob: Uint8Array): Read {
  try {
    const reader = new SshReader(blob);
    const name = reader.text();
    const type = KEY_TYPES.get(name);
    if (!type) throw new CertificateError('keys of this type are not taken');
    reader.string();
    const key = type.read(reader);
    const serial = reader.uint64();
    if (reader.uint32() !== USER) throw new CertificateError('it is no user certificate');
    const keyId = reader.text();
    const names = new SshReader(reader.string());
    const principals: string[] = [];
    while (names.left > 0) principals.push(names.text());
    const [validAfter, validBefore] = [reader.uint64(), reader.uint64()];
    const criticalOptions = entries(reader.string(), true);
    const extensions = entries(reader.string(), true);
    reader.string();
    const authority = reader.string();
    const signed = Buffer.from(blob.buffer, blob.byteOffset, reader.at);
    const signature = reader.string();
    if (reader.left > 0) throw new CertificateError('bytes follow the certificate');
    const caller = callerOf(extensions.get(CALLER_EXTENSION));
    const certificate = {
      type: name,
      serial,
      keyId,
      principals,
      validAfter,
      validBefore,
      criticalOptions,
      caller,
      authority,
    };
    return { certificate, key, type, signed, signature };
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    throw new CertificateError('it cannot be read', { cause: error });
  }
}

function ed25519Signature(blob: Buffer): Buffer {
  const reader = new SshReader(blob);
  if (reader.text() !== ED25519) throw new CertificateError('only Ed25519 authorities are trusted');
  return reader.string();
}

/**
 * Reads a certificate and proves that one of `authorities` (wire form of Ed25519 keys) made it. Whether it is valid
 * now, for whom, and not revoked is the caller's to check. Throws a CertificateError.
 */
export function provenCertificate(blob: Uint8Array, authorities: readonly Uint8Array[]): UserCertificate {
  const { certificate, signed, signature } = read(blob);
  const trusted = authorities.some((it) => certificate.authority.equals(it));
  if (!trusted) throw new CertificateError('it is not signed by an authority this edge trusts');
  try {
    const reader = new SshReader(certificate.authority);
    if (reader.text() !== ED25519) throw new CertificateError('only Ed25519 authorities are trusted');
    if (verify(null, signed, ed25519Key(reader.string()), ed25519Signature(signature))) return certificate;
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    throw new CertificateError('its signature cannot be read', { cause: error });
  }
  throw new CertificateError('its signature is wrong');
}

/** An ECDSA signature as SSH writes it (two mpints) in the form node:crypto takes (`ieee-p1363`). */
function fixedSize(signature: Buffer, size: number): Buffer {
  const reader = new SshReader(signature);
  const out = Buffer.alloc(2 * size);
  for (const offset of [0, size]) {
    const part = positive(reader.string());
    if (part.length > size) throw new CertificateError('the signature is no pair of numbers');
    part.copy(out, offset + size - part.length);
  }
  return out;
}

/**
 * Whether `signature` (string name, string value) over `message` was made with the key the certificate speaks of: the
 * proof of possession of RFC 4252 section 7. False also for everything unreadable.
 */
export function provesPossession(blob: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const { key, type } = read(blob);
    const reader = new SshReader(signature);
    const name = reader.text();
    const hash = Object.hasOwn(type.signatures, name) ? type.signatures[name] : undefined;
    if (hash === undefined) return false;
    const value = reader.string();
    if (reader.left > 0) return false;
    if (type.curveBytes === undefined) return verify(hash, message, key, value);
    const raw = fixedSize(value, type.curveBytes);
    return verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, raw);
  } catch {
    return false;
  }
}

/** Wire form of an Ed25519 public key. */
export function publicKeyBlob(key: KeyObject): Buffer {
  const { x } = key.export({ format: 'jwk' });
  if (x === undefined) throw new CertificateError('only Ed25519 keys make certificates');
  return Buffer.concat([string(ED25519), string(Buffer.from(x, 'base64url'))]);
}

/** What a certificate is to say. */
export interface CertificateRequest {
  /** A line of an OpenSSH `.pub` file. */
  readonly publicKey: string;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly caller: UserCertificate['caller'];
}

/** Makes a certificate; returns the line of an OpenSSH `-cert.pub` file. Throws a CertificateError for a bad key. */
export function issueCertificate(
  request: CertificateRequest,
  authority: KeyObject,
  authorityKey: KeyObject,
): string {
  const [name = '', encoded = ''] = request.publicKey.trim().split(/\s+/);
  const type = `${name}-cert-v01@openssh.com`;
  if (!KEY_TYPES.has(type)) throw new CertificateError(`keys of this type are not taken; use ${ED25519}`);
  const key = new SshReader(Buffer.from(encoded, 'base64'));
  try {
    if (key.text() !== name) throw new CertificateError('the public key is not what it says it is');
  } catch (error) {
    throw new CertificateError('the public key cannot be read', { cause: error });
  }
  const told = JSON.stringify(request.caller);
  const extensions = Buffer.concat([
    Buffer.concat([string(CALLER_EXTENSION), string(string(told))]),
    Buffer.concat([string('permit-pty'), string('')]),
  ]);
  const signed = Buffer.concat([
    string(type),
    string(randomBytes(32)),
    key.rest(),
    uint64(request.serial),
    uint32(USER),
    string(request.keyId),
    string(Buffer.concat(request.principals.map(string))),
    uint64(request.validAfter),
    uint64(request.validBefore),
    string(''),
    string(extensions),
    string(''),
    string(publicKeyBlob(authorityKey)),
  ]);
  const signature = Buffer.concat([string(ED25519), string(sign(null, signed, authority))]);
  const blob = Buffer.concat([signed, string(signature)]);
  try {
    read(blob);
  } catch (error) {
    throw new CertificateError('the public key cannot be read', { cause: error });
  }
  return `${type} ${blob.toString('base64')} ${request.keyId.replace(/\s+/g, '_')}`;
}
