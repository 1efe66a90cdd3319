import { createCipheriv, createDecipheriv, type KeyObject, randomBytes, verify } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Snapshot, snapshotSchema } from '@scrim/model';
import type { EdgeIdentity } from './edge-identity.ts';
import { readPrivate, writePrivate } from './private-file.ts';

/** Bytes and the control plane's Ed25519 signature over exactly these bytes. */
export interface Signed {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Revoked {
  readonly tokenId: string;
  /** Epoch milliseconds after which the token has expired anyway. */
  readonly until: number;
}

/** Why a snapshot or lease is not taken; the control plane gets the message as NACK. */
export class NotAcceptable extends Error {
  override readonly name = 'NotAcceptable';
}

/** Replicas' clocks may differ by this much before an older snapshot counts as a replay. */
const REPLAY_TOLERANCE = 5 * 60_000;
const HEADER = Buffer.from('scrim-snapshot-1\0');

function parsed(signed: Signed, key: KeyObject, what: string): unknown {
  if (!verify(null, signed.payload, key, signed.signature)) {
    throw new NotAcceptable(`the ${what} is not signed by this control plane`);
  }
  try {
    return JSON.parse(Buffer.from(signed.payload).toString('utf8'));
  } catch {
    throw new NotAcceptable(`the ${what} is no JSON`);
  }
}

interface LeaseFields {
  readonly edgeId: string;
  readonly version: string;
  readonly expiresAt: number;
}

function isLease(value: unknown): value is LeaseFields {
  const fields = value as Partial<LeaseFields> | null;
  return (
    typeof fields?.edgeId === 'string' &&
    typeof fields.version === 'string' &&
    Number.isSafeInteger(fields.expiresAt)
  );
}

interface Kept {
  readonly snapshot: { readonly payload: string; readonly signature: string };
  readonly lease?: { readonly payload: string; readonly signature: string };
  readonly revoked: readonly Revoked[];
}

function packed({ payload, signature }: Signed) {
  return {
    payload: Buffer.from(payload).toString('base64'),
    signature: Buffer.from(signature).toString('base64'),
  };
}

function unpacked(pack: { readonly payload: string; readonly signature: string }): Signed {
  return { payload: Buffer.from(pack.payload, 'base64'), signature: Buffer.from(pack.signature, 'base64') };
}

/**
 * The snapshot in force, with its lease and the revocations that came after it; in memory and, sealed with a key
 * derived from the edge's own, on disk. Nothing gets in unsigned, not even from the disk.
 */
export class SnapshotShelf {
  readonly #identity: EdgeIdentity;
  readonly #path: string;
  #signed: Signed | undefined;
  #lease: Signed | undefined;
  #snapshot: Snapshot | undefined;
  readonly #revoked = new Map<string, number>();
  #writing: Promise<void> = Promise.resolve();

  constructor(identity: EdgeIdentity, dataDir: string) {
    this.#identity = identity;
    this.#path = join(dataDir, 'snapshot.sealed');
  }

  /** What is held, also when its lifetime is over. */
  get held(): Snapshot | undefined {
    return this.#snapshot;
  }

  /**
   * Checks a snapshot without putting it in force.
   * @throws NotAcceptable
   */
  check(signed: Signed, version: string | undefined, now: number): Snapshot {
    const result = snapshotSchema.safeParse(parsed(signed, this.#identity.snapshotKey, 'snapshot'));
    if (!result.success) {
      const issue = result.error.issues[0];
      // Path and problem only: a snapshot holds credentials, and this text travels.
      throw new NotAcceptable(`this edge cannot read the snapshot: ${issue?.path.join('.')}: ${issue?.code}`);
    }
    const snapshot = result.data;
    if (snapshot.edgeId !== this.#identity.edgeId)
      throw new NotAcceptable('the snapshot is for another edge');
    if (version !== undefined && snapshot.version !== version) {
      throw new NotAcceptable('the snapshot has another version than was announced');
    }
    if (snapshot.expiresAt <= now) {
      throw new NotAcceptable(
        'the lifetime of the snapshot is over: compare the clocks of edge and control plane',
      );
    }
    const held = this.#snapshot;
    if (held !== undefined && snapshot.issuedAt < held.issuedAt - REPLAY_TOLERANCE) {
      throw new NotAcceptable('the snapshot is older than the one held');
    }
    return snapshot;
  }

  /** Puts a checked snapshot in force. */
  put(signed: Signed, snapshot: Snapshot): void {
    this.#signed = signed;
    this.#lease = undefined;
    this.#snapshot = this.#withRevoked(snapshot);
  }

  /**
   * Extends the lifetime of the snapshot in force.
   * @throws NotAcceptable
   */
  extend(lease: Signed): void {
    const fields = parsed(lease, this.#identity.snapshotKey, 'lease');
    if (!isLease(fields)) throw new NotAcceptable('the lease lacks a field');
    const snapshot = this.#snapshot;
    if (fields.edgeId !== this.#identity.edgeId || fields.version !== snapshot?.version) {
      throw new NotAcceptable('the lease is for another snapshot');
    }
    // Leases overtaken on the way must not shorten a lifetime.
    if (fields.expiresAt <= snapshot.expiresAt) return;
    this.#lease = lease;
    this.#snapshot = { ...snapshot, expiresAt: fields.expiresAt };
  }

  /** Returns false when it was known already. */
  revoke(revoked: Revoked, now: number): boolean {
    const news = !this.#revoked.has(revoked.tokenId);
    for (const [id, until] of this.#revoked) if (until < now) this.#revoked.delete(id);
    this.#revoked.set(revoked.tokenId, Math.max(revoked.until, this.#revoked.get(revoked.tokenId) ?? 0));
    if (news && this.#snapshot) this.#snapshot = this.#withRevoked(this.#snapshot);
    return news;
  }

  #withRevoked(snapshot: Snapshot): Snapshot {
    const listed = new Set(snapshot.tokens.revoked.map(({ tokenId }) => tokenId));
    const added = [...this.#revoked]
      .filter(([tokenId]) => !listed.has(tokenId))
      .map(([tokenId, until]) => ({ tokenId, until }));
    if (added.length === 0) return snapshot;
    const revoked = [...snapshot.tokens.revoked, ...added];
    return { ...snapshot, tokens: { ...snapshot.tokens, revoked } };
  }

  /** Takes what an earlier start kept. @throws NotAcceptable when the file was changed or is not ours. */
  async load(now: number): Promise<void> {
    const file = await readPrivate(this.#path);
    if (file === undefined) return;
    const kept = this.#unseal(file);
    for (const { tokenId, until } of kept.revoked) if (until >= now) this.#revoked.set(tokenId, until);
    const signed = unpacked(kept.snapshot);
    const lease = kept.lease === undefined ? undefined : unpacked(kept.lease);
    // Judged as of its issue: whether its lifetime is over is asked at every use, and a lease may have extended it.
    const snapshot = this.check(signed, undefined, 0);
    this.put(signed, snapshot);
    if (lease !== undefined) this.extend(lease);
  }

  /** Keeps what is in force. Calls are put in order; each writes what is in force when its turn comes. */
  save(): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    return this.#writing;
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  async #write(): Promise<void> {
    if (this.#signed === undefined) return;
    const kept: Kept = {
      snapshot: packed(this.#signed),
      ...(this.#lease === undefined ? {} : { lease: packed(this.#lease) }),
      revoked: [...this.#revoked].map(([tokenId, until]) => ({ tokenId, until })),
    };
    try {
      await writePrivate(this.#path, this.#seal(Buffer.from(JSON.stringify(kept))));
    } catch (error) {
      // Better none than one that a later, perhaps stricter policy has replaced.
      await rm(this.#path, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** Drops it from memory and disk: this edge may serve nothing any more. */
  async forget(): Promise<void> {
    this.#signed = undefined;
    this.#lease = undefined;
    this.#snapshot = undefined;
    await this.settled();
    await rm(this.#path, { force: true });
  }

  #key(): Buffer {
    return this.#identity.key.derive('scrim snapshot at rest v1');
  }

  /** header, 12 octets nonce, 16 octets tag, ciphertext; AES-256-GCM, bound to format and edge. */
  #seal(plain: Buffer): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key(), nonce);
    cipher.setAAD(Buffer.concat([HEADER, Buffer.from(this.#identity.edgeId)]));
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([HEADER, nonce, cipher.getAuthTag(), sealed]);
  }

  #unseal(file: Buffer): Kept {
    try {
      const at = HEADER.length;
      if (!file.subarray(0, at).equals(HEADER)) throw new Error('unknown header');
      const open = createDecipheriv('aes-256-gcm', this.#key(), file.subarray(at, at + 12), {
        authTagLength: 16,
      });
      open.setAAD(Buffer.concat([HEADER, Buffer.from(this.#identity.edgeId)]));
      open.setAuthTag(file.subarray(at + 12, at + 28));
      const plain = Buffer.concat([open.update(file.subarray(at + 28)), open.final()]);
      return JSON.parse(plain.toString('utf8')) as Kept;
    } catch {
      throw new NotAcceptable('the snapshot kept on disk was changed or is not of this edge');
    }
  }
}
