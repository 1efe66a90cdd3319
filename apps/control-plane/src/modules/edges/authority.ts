import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { CheckedRequest } from './certificate-request.ts';
import { CONTROL_PLANE_URI, edgeUri } from './spiffe.ts';

/** The authority's own key and certificate. The key is at rest only sealed, by the credentials module's envelope. */
export interface AuthorityMaterial {
  /** PKCS #8, DER. */
  readonly privateKey: Uint8Array;
  /** X.509, DER. */
  readonly certificate: Uint8Array;
}

export interface IssuedCertificate {
  readonly der: Buffer;
  /** Lower-case hex. */
  readonly serial: string;
  /** SHA-256 of `der`, lower-case hex. */
  readonly fingerprint: string;
  /** SPKI, DER. */
  readonly publicKey: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A server's key and chain as PEM, for the gRPC listener. */
export interface ServerIdentity {
  readonly key: Buffer;
  /** Leaf first, then the authority, so that a first contact can find the pinned certificate in the handshake. */
  readonly chain: Buffer;
  readonly notAfter: Date;
}

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Certificates start in the past by this much: an edge whose clock is behind must not find its own not yet valid. */
const BACKDATED = 5 * MINUTE;
const AUTHORITY_LIFE = 3650 * DAY;

export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

/** Positive, 16 octets, first bit clear (RFC 5280 section 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** Makes a new authority: a P-256 key and a self-signed certificate for ten years. `now` in epoch milliseconds. */
export async function makeAuthority(now: number): Promise<AuthorityMaterial> {
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: 'CN=Scrim edge authority',
    notBefore: new Date(now - BACKDATED),
    notAfter: new Date(now + AUTHORITY_LIFE),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    privateKey: new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
    certificate: new Uint8Array(certificate.rawData),
  };
}

interface Wish {
  readonly publicKey: webcrypto.CryptoKey | x509.PublicKey;
  readonly commonName: string;
  readonly names: x509.JsonGeneralNames;
  readonly usage: x509.ExtendedKeyUsage;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Issues the short-lived certificates edges and the control plane's gRPC listener prove themselves by. */
export class Authority {
  /** X.509, DER. */
  readonly certificate: Buffer;
  /** SHA-256 of the certificate, lower-case hex: what a join token pins. */
  readonly fingerprint: string;
  readonly #issuer: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(certificate: Uint8Array, key: webcrypto.CryptoKey) {
    this.certificate = Buffer.from(certificate);
    this.fingerprint = fingerprintOf(certificate);
    this.#issuer = new x509.X509Certificate(Uint8Array.from(certificate));
    this.#key = key;
  }

  /** @throws when the material is not a P-256 key with its certificate. */
  static async open(material: AuthorityMaterial): Promise<Authority> {
    const key = await webcrypto.subtle.importKey('pkcs8', material.privateKey, CURVE, false, ['sign']);
    return new Authority(material.certificate, key);
  }

  /**
   * A client certificate that says "this key is that edge" and nothing else. A certificate never outlives the
   * authority's own. `life` in milliseconds.
   */
  async issueEdge(
    request: CheckedRequest,
    edgeId: string,
    now: number,
    life: number,
  ): Promise<IssuedCertificate> {
    return this.#issue({
      publicKey: new x509.PublicKey(Uint8Array.from(request.publicKey)),
      commonName: edgeId,
      names: [{ type: 'url', value: edgeUri(edgeId) }],
      usage: x509.ExtendedKeyUsage.clientAuth,
      notBefore: new Date(now - BACKDATED),
      notAfter: new Date(now + life),
    });
  }

  /** A fresh key and certificate for this replica's gRPC listener, reachable as `hosts` (names or IP addresses). */
  async issueServer(hosts: readonly string[], now: number, life: number): Promise<ServerIdentity> {
    const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
    const issued = await this.#issue({
      publicKey: keys.publicKey,
      commonName: 'Scrim control plane',
      names: [
        { type: 'url', value: CONTROL_PLANE_URI },
        ...hosts.map((value) => ({
          type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const),
          value,
        })),
      ],
      usage: x509.ExtendedKeyUsage.serverAuth,
      notBefore: new Date(now - BACKDATED),
      notAfter: new Date(now + life),
    });
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const leaf = new x509.X509Certificate(Uint8Array.from(issued.der));
    return {
      key: Buffer.from(x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')),
      chain: Buffer.from(`${leaf.toString('pem')}\n${this.#issuer.toString('pem')}\n`),
      notAfter: issued.notAfter,
    };
  }

  /** The authority's certificate as PEM, what a listener checks client certificates against. */
  get pem(): Buffer {
    return Buffer.from(this.#issuer.toString('pem'));
  }

  async #issue(wish: Wish): Promise<IssuedCertificate> {
    const serial = newSerial();
    const notAfter = new Date(Math.min(wish.notAfter.getTime(), this.#issuer.notAfter.getTime()));
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: `CN=${wish.commonName}`,
      issuer: this.#issuer.subject,
      notBefore: wish.notBefore,
      notAfter,
      publicKey: wish.publicKey,
      signingKey: this.#key,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([wish.usage], true),
        new x509.SubjectAlternativeNameExtension(wish.names),
        await x509.AuthorityKeyIdentifierExtension.create(this.#issuer.publicKey),
      ],
    });
    const der = Buffer.from(certificate.rawData);
    return {
      der,
      serial,
      fingerprint: fingerprintOf(der),
      publicKey: Buffer.from(certificate.publicKey.rawData),
      // X.509 times carry whole seconds: what is stored must be what the certificate says.
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
    };
  }
}
