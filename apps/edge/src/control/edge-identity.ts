import 'reflect-metadata';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { join } from 'node:path';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { readPrivate, writePrivate } from './private-file.ts';

/** What the control plane told the edge when it enrolled; kept as JSON beside the key. */
interface Papers {
  readonly edgeId: string;
  /** X.509 DER, leaf first, base64. */
  readonly chain: readonly string[];
  /** The authority's certificate, DER, base64. */
  readonly authority: string;
  /** Public key of snapshots, SPKI DER, base64. */
  readonly snapshotKey: string;
  /** Epoch milliseconds by the edge's clock. */
  readonly obtainedAt: number;
}

/** An enrolled edge: who it is, and the keys it knows others by. */
export interface EdgeIdentity {
  readonly edgeId: string;
  readonly key: EdgeKey;
  /** X.509 DER, leaf first. */
  readonly chain: readonly Buffer[];
  readonly certificate: X509Certificate;
  readonly authority: Buffer;
  readonly snapshotKey: KeyObject;
  /** When the certificate came, by this edge's clock; its own start date lies earlier on purpose. */
  readonly obtainedAt: number;
}

/**
 * The edge's own Ed25519 key. It is made on the edge and never leaves it; certificates are renewed around it. It signs
 * what the edge records and seals what the edge keeps.
 */
export class EdgeKey {
  readonly #key: KeyObject;
  /** SPKI, DER. */
  readonly publicKey: Buffer;

  private constructor(key: KeyObject) {
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`the edge key must be Ed25519`);
    this.#key = key;
    this.publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' });
  }

  static make(): EdgeKey {
    return new EdgeKey(generateKeyPairSync('ed25519').privateKey);
  }

  static parse(pem: Buffer): EdgeKey {
    return new EdgeKey(createPrivateKey(pem));
  }

  /** PKCS #8, PEM: for the edge's own disk and TLS stack only. */
  pem(): Buffer {
    return Buffer.from(this.#key.export({ format: 'pem', type: 'pkcs8' }));
  }

  /** Ed25519 signature, 64 octets. */
  sign(bytes: Uint8Array): Buffer {
    return sign(null, bytes, this.#key);
  }

  /** A 32-octet key for one purpose (RFC 5869). Whoever has the disk but not this key file learns nothing. */
  derive(purpose: string): Buffer {
    const secret = this.#key.export({ format: 'der', type: 'pkcs8' });
    return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), purpose, 32));
  }

  /** A PKCS #10 request, DER: proof that we hold the key. The control plane decides the names. */
  async request(): Promise<Buffer> {
    const pkcs8 = this.#key.export({ format: 'der', type: 'pkcs8' });
    const algorithm = { name: 'Ed25519' };
    const keys = {
      privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      publicKey: await webcrypto.subtle.importKey('spki', this.publicKey, algorithm, true, ['verify']),
    };
    const request = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=edge',
      keys,
      signingAlgorithm: algorithm,
    });
    return Buffer.from(request.rawData);
  }
}

/** What the control plane answers to a request for a certificate. */
export interface Certified {
  readonly edgeId: string;
  readonly chain: readonly Uint8Array[];
  readonly authority: Uint8Array;
  /** SPKI, DER. */
  readonly snapshotKey: Uint8Array;
}

function identityOf(key: EdgeKey, certified: Certified, obtainedAt: number): EdgeIdentity {
  const chain = certified.chain.map((der) => Buffer.from(der));
  const leaf = chain[0];
  if (leaf === undefined) throw new Error('the control plane sent no certificate');
  const certificate = new X509Certificate(leaf);
  const authority = Buffer.from(certified.authority);
  if (!certificate.verify(new X509Certificate(authority).publicKey)) {
    throw new Error('the certificate is not of the authority this edge trusts');
  }
  const bound = certificate.publicKey.export({ format: 'der', type: 'spki' });
  if (!bound.equals(key.publicKey)) throw new Error('the certificate is for another key than this edge has');
  const snapshotKey = createPublicKey({
    key: Buffer.from(certified.snapshotKey),
    format: 'der',
    type: 'spki',
  });
  return { edgeId: certified.edgeId, key, chain, certificate, authority, snapshotKey, obtainedAt };
}

/** SHA-256 of the leaf certificate, lower-case hex: how records name the certificate they were signed under. */
export function certificateFingerprint(identity: EdgeIdentity): string {
  return createHash('sha256').update(identity.certificate.raw).digest('hex');
}

/** Key and papers of one edge in its data folder. */
export class IdentityStore {
  readonly #keyPath: string;
  readonly #papersPath: string;

  constructor(dataDir: string) {
    this.#keyPath = join(dataDir, 'identity.key');
    this.#papersPath = join(dataDir, 'identity.json');
  }

  /** The key of an earlier start (also of an enrolment that was cut off), or a new one, kept before it is used. */
  async key(): Promise<EdgeKey> {
    const kept = await readPrivate(this.#keyPath);
    if (kept !== undefined) return EdgeKey.parse(kept);
    const made = EdgeKey.make();
    await writePrivate(this.#keyPath, made.pem());
    return made;
  }

  /**
   * @returns undefined when this edge has not enrolled yet.
   * @throws Error when what is there cannot be used; it names the folder.
   */
  async load(): Promise<EdgeIdentity | undefined> {
    const text = await readPrivate(this.#papersPath);
    if (text === undefined) return undefined;
    try {
      const papers = JSON.parse(text.toString()) as Papers;
      const certified = {
        edgeId: papers.edgeId,
        chain: papers.chain.map((der) => Buffer.from(der, 'base64')),
        authority: Buffer.from(papers.authority, 'base64'),
        snapshotKey: Buffer.from(papers.snapshotKey, 'base64'),
      };
      return identityOf(await this.key(), certified, papers.obtainedAt);
    } catch (error) {
      throw new Error(
        `the identity kept in ${this.#papersPath} cannot be used: move its folder away and enrol again`,
        { cause: error },
      );
    }
  }

  /** Checks that the certificate is of our key and our authority, then keeps it. */
  async save(key: EdgeKey, certified: Certified, obtainedAt: number): Promise<EdgeIdentity> {
    const identity = identityOf(key, certified, obtainedAt);
    const papers: Papers = {
      edgeId: identity.edgeId,
      chain: identity.chain.map((der) => der.toString('base64')),
      authority: identity.authority.toString('base64'),
      snapshotKey: Buffer.from(certified.snapshotKey).toString('base64'),
      obtainedAt,
    };
    await writePrivate(this.#papersPath, JSON.stringify(papers));
    return identity;
  }
}
