import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { generateVaultKey } from '@scrim/vault';
import type { Database, Db } from '../database/client.ts';
import { type Envelope, open, type Sealed, seal } from './envelope.ts';

/** What a key of the control plane is for. */
export type KeyKind = 'token' | 'snapshot' | 'ca' | 'masking' | 'vault' | 'ssh-ca';

/** Key material as a generator makes it. */
export interface KeyMaterial {
  /** PKCS #8 DER of a private key, or the raw bytes of a symmetric one. */
  readonly secret: Uint8Array;
  /** SPKI DER, certificate DER for `ca`; null for a symmetric key. */
  readonly public: Uint8Array | null;
}

export interface StoredKey extends KeyMaterial {
  readonly keyId: string;
  readonly createdAt: Date;
}

/** The control plane's own keys: made once by whichever replica starts first, sealed by the envelope, kept in memory. */
export interface SigningKeys {
  /** The newest key of a kind; made by `generate` when there is none. Replicas that race get the same key. */
  current(kind: KeyKind, generate?: () => KeyMaterial | Promise<KeyMaterial>): Promise<StoredKey>;
  /** Every key of a kind that is not retired, newest first: verifiers need the older ones too. */
  all(kind: KeyKind): Promise<readonly StoredKey[]>;
  /** Makes a new current key of a kind; older ones stay valid for verification. */
  add(kind: KeyKind, generate?: () => KeyMaterial | Promise<KeyMaterial>): Promise<StoredKey>;
  /** Opens every key that is not retired: a wrong master key stops the start, not the first use. @throws Error */
  check(): Promise<void>;
  /** Re-wraps what an older master key wrapped; returns how many. */
  rotate(db: Db): Promise<number>;
}

/** An Ed25519 pair, for tokens and snapshots. */
export function generateEd25519(): KeyMaterial {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }),
    public: publicKey.export({ format: 'der', type: 'spki' }),
  };
}

/** 32 random bytes, for hashes and deterministic tokens. */
export function generateSymmetric(): KeyMaterial {
  return { secret: randomBytes(32), public: null };
}

const KINDS: readonly KeyKind[] = ['token', 'snapshot', 'ca', 'masking', 'vault', 'ssh-ca'];

const GENERATORS: Readonly<Partial<Record<KeyKind, () => KeyMaterial>>> = {
  token: generateEd25519,
  snapshot: generateEd25519,
  'ssh-ca': generateEd25519,
  masking: generateSymmetric,
  vault: generateVaultKey,
};

/** The private half as a key object. */
export function privateKeyOf(key: StoredKey): KeyObject {
  return createPrivateKey({ key: Buffer.from(key.secret), format: 'der', type: 'pkcs8' });
}

/** Short and derived from the public half, so that two replicas name the same key alike. */
function newKeyId(material: KeyMaterial): string {
  return createHash('sha256')
    .update(material.public ?? randomBytes(16))
    .digest('base64url')
    .slice(0, 8);
}

export function createSigningKeys(database: Database, envelope: Envelope): SigningKeys {
  const opened = new Map<string, StoredKey>();

  const load = async (db: Db, kind: KeyKind): Promise<readonly StoredKey[]> => {
    const rows = await db.signingKey.findMany({
      where: { kind, retiredAt: null },
      orderBy: { createdAt: 'desc' },
    });
    return rows.map((row) => {
      const known = opened.get(row.keyId);
      if (known) return known;
      const owner = `signing-key/${row.keyId}`;
      const dataKey = envelope.unwrap({ wrappedKey: row.wrappedKey, keyId: row.masterKeyId }, owner);
      const secret = open(dataKey, row.sealed as unknown as Sealed, owner, kind);
      const key: StoredKey = { keyId: row.keyId, secret, public: row.publicKey, createdAt: row.createdAt };
      opened.set(row.keyId, key);
      return key;
    });
  };

  const store = async (db: Db, kind: KeyKind, material: KeyMaterial): Promise<void> => {
    const keyId = newKeyId(material);
    const owner = `signing-key/${keyId}`;
    const { dataKey, wrappedKey, keyId: masterKeyId } = envelope.newDataKey(owner);
    const sealed = { ...seal(dataKey, material.secret, owner, kind) };
    const publicKey = material.public === null ? null : new Uint8Array(material.public);
    await db.signingKey.create({ data: { keyId, kind, sealed, wrappedKey, masterKeyId, publicKey } });
  };

  const make = async (
    kind: KeyKind,
    generate: (() => KeyMaterial | Promise<KeyMaterial>) | undefined,
    always: boolean,
  ): Promise<StoredKey> => {
    const generator = generate ?? GENERATORS[kind];
    if (!generator) throw new Error(`there is no ${kind} key and no way given to make one`);
    const material = await generator();
    const keys = await database.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext(${`scrim signing key ${kind}`}))`;
      if (always || (await load(tx, kind)).length === 0) await store(tx, kind, material);
      return load(tx, kind);
    });
    return keys[0] as StoredKey;
  };

  return {
    async current(kind, generate) {
      const [newest] = await load(database.prisma, kind);
      return newest ?? make(kind, generate, false);
    },
    all: (kind) => load(database.prisma, kind),
    add: (kind, generate) => make(kind, generate, true),
    async check() {
      for (const kind of KINDS) await load(database.prisma, kind);
    },
    async rotate(db) {
      let count = 0;
      for (const row of await db.signingKey.findMany({ where: { masterKeyId: { not: envelope.keyId } } })) {
        const owner = `signing-key/${row.keyId}`;
        const wrapped = envelope.rewrap({ wrappedKey: row.wrappedKey, keyId: row.masterKeyId }, owner);
        if (!wrapped) continue;
        const data = { wrappedKey: wrapped.wrappedKey, masterKeyId: wrapped.keyId };
        await db.signingKey.update({ where: { keyId: row.keyId }, data });
        count += 1;
      }
      return count;
    },
  };
}
