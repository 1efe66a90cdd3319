import { createHash, type KeyObject, sign } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Connection, Snapshot } from '@scrim/model';
import {
  type Encoded,
  encodeOnce,
  SignedLeaseSchema,
  SignedSnapshotSchema,
  WatchResponseSchema,
} from '@scrim/rpc';

type Tokens = Snapshot['tokens'];

/** Where a snapshot's content comes from. Connections come with their secrets decrypted: nowhere else they do. */
export interface SnapshotSources {
  connections(): Promise<readonly Connection[]>;
  policies(): Promise<Snapshot['policies']>;
  trust(): Promise<Pick<Tokens, 'scrim' | 'issuers' | 'sshAuthorities'>>;
  /** Revoked tokens that have not expired yet. */
  revoked(): Promise<Tokens['revoked']>;
  /** 32 bytes, base64. */
  maskingKey(): Promise<string>;
  /** The key reversible tokens are sealed to; left out or undefined where there is no vault. */
  vault?(): Promise<Snapshot['vault']>;
  queue(): Promise<Snapshot['queue']>;
}

/** What one selection of connections comes to: the same for every edge that serves the same ones. */
export interface SnapshotBody {
  /** Hash of everything but revocations, which travel by themselves. */
  readonly version: string;
  /** JSON members, from `"connections"` to the end. */
  readonly text: string;
}

interface Part {
  readonly edges: ReadonlySet<string> | undefined;
  readonly text: string;
}

/**
 * The content of one moment, turned to text once however many edges get it; each edge's payload is its own few fields
 * in front of a text shared by all edges with the same connections.
 */
export class SnapshotContent {
  readonly revoked: Tokens['revoked'];
  readonly #parts: readonly Part[];
  readonly #rest: string;
  readonly #tail: string;
  readonly #bodies = new Map<string, SnapshotBody>();

  private constructor(parts: readonly Part[], rest: string, trust: string, revoked: Tokens['revoked']) {
    this.#parts = parts;
    this.#rest = rest;
    this.#tail = `,"tokens":${trust.slice(0, -1)},"revoked":${JSON.stringify(revoked)}}`;
    this.revoked = revoked;
  }

  static async load(sources: SnapshotSources): Promise<SnapshotContent> {
    const [connections, policies, trust, revoked, maskingKey, queue, vault] = await Promise.all([
      sources.connections(),
      sources.policies(),
      sources.trust(),
      sources.revoked(),
      sources.maskingKey(),
      sources.queue(),
      sources.vault?.(),
    ]);
    // Order by name: the same content must have the same version on every replica.
    const parts = [...connections]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ edges, ...connection }) => ({
        edges: edges === undefined || edges.length === 0 ? undefined : new Set(edges),
        text: JSON.stringify(connection),
      }));
    const sorted = [...policies].sort((a, b) => (a.name < b.name ? -1 : 1));
    const rest = JSON.stringify({ policies: sorted, maskingKey, queue, vault }).slice(1, -1);
    const { scrim, issuers, sshAuthorities } = trust;
    return new SnapshotContent(parts, rest, JSON.stringify({ scrim, issuers, sshAuthorities }), revoked);
  }

  /** An edge gets the connections that name it, and those that name none. */
  body(edgeName: string): SnapshotBody {
    const chosen = this.#parts
      .map(({ edges }) => (edges === undefined || edges.has(edgeName) ? '1' : '0'))
      .join('');
    const known = this.#bodies.get(chosen);
    if (known !== undefined) return known;
    const connections = this.#parts.filter((_, index) => chosen[index] === '1').map(({ text }) => text);
    const head = `"connections":[${connections.join(',')}],${this.#rest}`;
    const trust = this.#tail.slice(0, this.#tail.lastIndexOf('"revoked":'));
    const version = createHash('sha256').update(head).update(trust).digest('base64url').slice(0, 32);
    const body = { version, text: head + this.#tail };
    this.#bodies.set(chosen, body);
    return body;
  }
}

/** Signs what edges live by, with the control plane's Ed25519 snapshot key. */
export class SnapshotSigner {
  readonly #key: KeyObject;
  readonly #lifetime: number;

  /** @param lifetime milliseconds an edge may serve on without hearing from us; default 24 h */
  constructor(key: KeyObject, lifetime = 86_400_000) {
    this.#key = key;
    this.#lifetime = lifetime;
  }

  get lifetime(): number {
    return this.#lifetime;
  }

  snapshot(edgeId: string, { version, text }: SnapshotBody, now: number): Encoded {
    const head = { version, edgeId, issuedAt: now, expiresAt: now + this.#lifetime };
    const payload = Buffer.from(`${JSON.stringify(head).slice(0, -1)},${text}}`);
    const snapshot = create(SignedSnapshotSchema, {
      version,
      payload,
      signature: sign(null, payload, this.#key),
    });
    return encodeOnce(
      WatchResponseSchema,
      create(WatchResponseSchema, { message: { case: 'snapshot', value: snapshot } }),
    );
  }

  lease(edgeId: string, version: string, now: number): Encoded {
    const payload = Buffer.from(JSON.stringify({ edgeId, version, expiresAt: now + this.#lifetime }));
    const lease = create(SignedLeaseSchema, { payload, signature: sign(null, payload, this.#key) });
    return encodeOnce(
      WatchResponseSchema,
      create(WatchResponseSchema, { message: { case: 'lease', value: lease } }),
    );
  }
}
