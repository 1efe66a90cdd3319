import type { Actor } from '../../auth/principal.ts';
import type { Bus } from '../../bus.ts';
import { ApiError, notFound } from '../../http/problem.ts';
import { insertAudit } from '../audit/entry.ts';
import { mintJoinToken } from './join-token.ts';
import type { CertificateRecord, EdgeRecord, EdgeStore, JoinTokenRecord } from './store.ts';

export interface EdgesOptions {
  readonly store: EdgeStore;
  /** SHA-256 of the authority's certificate, hex. */
  readonly fingerprint: () => Promise<string>;
  readonly bus: Bus;
  readonly newId: () => string;
}

/** What administrators do with edges. */
export class Edges {
  readonly #options: EdgesOptions;

  constructor(options: EdgesOptions) {
    this.#options = options;
  }

  list(): Promise<EdgeRecord[]> {
    return this.#options.store.list();
  }

  async get(id: string): Promise<EdgeRecord & { readonly certificates: readonly CertificateRecord[] }> {
    const edge = await this.#options.store.find(id);
    if (edge === undefined) throw notFound('edge', id);
    return { ...edge, certificates: await this.#options.store.certificates(id) };
  }

  /** Its certificates are refused from now on, its streams end, and it forgets what it held once it hears of it. */
  async revoke(id: string, actor: Actor): Promise<EdgeRecord> {
    const { store, bus, newId } = this.#options;
    const edge = await store.find(id);
    if (edge === undefined) throw notFound('edge', id);
    await store.transaction(async (client) => {
      if (!(await store.revoke(client, id))) return;
      await insertAudit(client, newId(), actor, {
        action: 'edge.revoke',
        resource: `edge/${edge.name}`,
        before: { state: edge.state },
        after: { state: 'revoked' },
      });
    });
    await bus.publish('scrim:changes', { what: 'edges', names: [id] });
    return { ...edge, state: 'revoked', connected: false };
  }

  /** The token itself is in this answer and nowhere else. */
  async createJoinToken(
    wanted: { readonly edgeName: string; readonly ttlSeconds: number },
    actor: Actor,
  ): Promise<JoinTokenRecord & { readonly token: string }> {
    const { store, fingerprint, newId } = this.#options;
    if (await store.isEnrolled(wanted.edgeName)) {
      throw new ApiError('SCRIM_API_CONFLICT', {
        detail: `an edge named "${wanted.edgeName}" is enrolled`,
        mend: 'revoke it first, or choose another name',
      });
    }
    const { token, hash } = mintJoinToken(await fingerprint());
    const record = await store.transaction(async (client) => {
      const made = await store.addJoinToken(client, { ...wanted, hash, createdBy: actor.subject });
      await insertAudit(client, newId(), actor, {
        action: 'join-token.create',
        resource: `join-token/${made.id}`,
        after: { edgeName: made.edgeName, expiresAt: made.expiresAt },
      });
      return made;
    });
    return { ...record, token };
  }

  joinTokens(): Promise<JoinTokenRecord[]> {
    return this.#options.store.joinTokens();
  }

  async revokeJoinToken(id: string, actor: Actor): Promise<void> {
    const { store, newId } = this.#options;
    await store.transaction(async (client) => {
      const removed = await store.removeJoinToken(client, id);
      if (removed === undefined) throw notFound('unused join token', id);
      await insertAudit(client, newId(), actor, {
        action: 'join-token.revoke',
        resource: `join-token/${id}`,
        before: { edgeName: removed.edgeName, expiresAt: removed.expiresAt },
      });
    });
  }

  /** Where callers reach a connection: one entry for each connected edge that serves it. */
  async addresses(
    connection: string,
  ): Promise<{ protocol: string; host: string; port: number; edge: string }[]> {
    const found = await this.#options.store.addresses(connection);
    if (found === undefined) throw notFound('connection', connection);
    return found.flatMap(({ protocol, address, edge }) => {
      const match = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(address);
      return match?.[1] === undefined ? [] : [{ protocol, host: match[1], port: Number(match[2]), edge }];
    });
  }
}
