import type { Actor, Principal } from '../../auth/principal.ts';
import type { Bus } from '../../bus.ts';
import { ApiError, notFound } from '../../http/problem.ts';
import { insertAudit } from '../audit/entry.ts';
import { type ApprovalState, isFinal } from './states.ts';
import type { ApprovalFilter, ApprovalRecord, ApprovalStore, NewApproval } from './store.ts';

/** Why an edge's request is not put before people; `kind` is what the transport maps to its own code. */
export class ApprovalRefused extends Error {
  override readonly name = 'ApprovalRefused';
  readonly kind: 'invalid' | 'changed' | 'too-many';

  constructor(kind: ApprovalRefused['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface ApprovalsOptions {
  readonly store: ApprovalStore;
  readonly bus: Bus;
  readonly newId: () => string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly problem: (what: string, error: unknown) => void;
  /** Milliseconds between looks at expired and left approvals; default 5 s. */
  readonly sweepMs?: number;
}

/** A stream of an edge that waits for a decision. */
export interface Waiting {
  readonly record: ApprovalRecord;
  /** Resolves when the approval has left `pending`. */
  readonly decided: Promise<ApprovalRecord>;
  /** The stream is gone. `onPurpose` = the edge closed it and is still there: nobody waits any more. */
  leave(onPurpose: boolean): Promise<void>;
}

const MAX_PENDING = 500;
const MAX_LIFE = 24 * 3_600_000;
const HOLD_SECONDS = 30;
const HOLD_RENEW_MS = 10_000;
/** A stream that broke is taken up again well within this; only then it counts as closed on purpose. */
const RESUME_MS = 1_500;
/** Timers hold no more. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Same person, however the name is written: nobody approves their own by a capital letter. */
export function sameSubject(a: string, b: string): boolean {
  const plain = (name: string) => name.normalize('NFKC').trim().toLowerCase();
  return plain(a) === plain(b);
}

/**
 * Holds between edges that wait and people who decide. The row in the database is the truth; a notice over the bus
 * makes every replica look at it, and waiting streams look by themselves now and then should a notice be lost.
 */
export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #waiting = new Map<string, Set<() => void>>();
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => {};
  #closed = false;

  constructor(options: ApprovalsOptions) {
    this.#options = options;
  }

  /** Listens to the other replicas, and sweeps from now on. */
  async start(): Promise<void> {
    const { bus, sweepMs } = this.#options;
    this.#timer = setInterval(() => void this.sweep(), sweepMs ?? 5_000);
    this.#timer.unref();
    const stop = await bus.subscribe('scrim:approvals', ({ id }) => this.#look(id));
    const stopReconnect = bus.onReconnect(() => {
      for (const id of this.#waiting.keys()) this.#look(id);
    });
    this.#unsubscribe = () => {
      stop();
      stopReconnect();
    };
  }

  #look(id: string): void {
    for (const look of this.#waiting.get(id) ?? []) look();
  }

  #tell(id: string, state: ApprovalState): void {
    this.#look(id);
    void this.#options.bus.publish('scrim:approvals', { id, state });
  }

  /**
   * Puts an operation before people, or finds the same request again after a broken stream.
   * @throws ApprovalRefused
   */
  async request(wanted: Omit<NewApproval, 'id'>): Promise<Waiting> {
    this.#check(wanted);
    const { store, newId } = this.#options;
    if ((await store.pendingOf(wanted.edgeId)) >= MAX_PENDING) {
      throw new ApprovalRefused('too-many', `this edge has ${MAX_PENDING} operations held already`);
    }
    const { record, added } = await store.add({ ...wanted, id: newId() });
    // Same key, other operation: somebody would approve one thing and another would run.
    if (record.edgeId !== wanted.edgeId || !record.digest.equals(wanted.digest)) {
      throw new ApprovalRefused('changed', 'this request id belongs to another operation');
    }
    const holder = newId();
    const decided = this.#wait(record.id, holder);
    if (added) this.#tell(record.id, 'pending');
    return {
      record,
      decided: decided.promise,
      leave: (onPurpose) => this.#leave(record.id, holder, decided, onPurpose),
    };
  }

  #check(wanted: Omit<NewApproval, 'id'>): void {
    const left = wanted.expiresAt.getTime() - this.#options.now();
    const wrong = (message: string) => new ApprovalRefused('invalid', message);
    if (wanted.requestId === '' || wanted.requestId.length > 200)
      throw wrong('the request id is missing or too long');
    if (wanted.digest.length !== 32) throw wrong('the digest is not 32 octets');
    if (wanted.caller === '') throw wrong('the caller is not named');
    if (wanted.quorum < 1 || wanted.quorum > 20) throw wrong('the quorum must be 1 to 20');
    if (left <= 0) throw wrong('it expires before it begins: compare the clocks of edge and control plane');
    if (left > MAX_LIFE) throw wrong('it may wait for a day at most');
  }

  /** Watches one row until it leaves `pending`. */
  #wait(id: string, holder: string): { promise: Promise<ApprovalRecord>; stop: () => void } {
    let stop = () => {};
    const promise = new Promise<ApprovalRecord>((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const looks = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, looks);
      let stopped = false;
      const look = async (renew: boolean) => {
        clearTimeout(timer);
        if (stopped) return;
        const record = await this.#lookAt(id, holder, renew);
        if (stopped) return;
        if (record !== undefined && record.state !== 'pending') {
          stop();
          resolve(record);
          return;
        }
        const left = record === undefined ? HOLD_RENEW_MS : record.expiresAt.getTime() - this.#options.now();
        // A little late rather than early: the database's clock decides, and may be behind ours.
        timer = setTimeout(
          () => void look(true),
          Math.min(HOLD_RENEW_MS, Math.max(20, left + 20), LONGEST_TIMER),
        );
        timer.unref();
      };
      const notice = () => void look(false);
      stop = () => {
        stopped = true;
        clearTimeout(timer);
        looks.delete(notice);
        if (looks.size === 0) this.#waiting.delete(id);
      };
      looks.add(notice);
      void look(true);
    });
    return { promise, stop: () => stop() };
  }

  /** The row as it is; undefined when it cannot be read just now, which is tried again. */
  async #lookAt(id: string, holder: string, renew: boolean): Promise<ApprovalRecord | undefined> {
    try {
      if (renew) await this.#options.store.hold(id, holder, HOLD_SECONDS);
      return await this.#options.store.find(id);
    } catch (error) {
      this.#options.problem('an approval could not be read', error);
      return undefined;
    }
  }

  async #leave(id: string, holder: string, wait: { stop: () => void }, onPurpose: boolean): Promise<void> {
    wait.stop();
    // A replica that stops leaves its approvals to whichever the edge dials next; a second stream goes on waiting.
    if (this.#closed || this.#waiting.has(id)) return;
    try {
      await this.#options.store.letGo(id, holder);
      if (!onPurpose) return;
      await new Promise((resolve) => setTimeout(resolve, RESUME_MS));
      if (this.#closed) return;
      if (await this.#options.store.withdraw(id, holder)) this.#tell(id, 'withdrawn');
    } catch (error) {
      this.#options.problem('an approval could not be withdrawn', error);
    }
  }

  /** Uses a granted approval up. */
  async redeem(
    id: string,
    edgeId: string,
    digest: Uint8Array,
  ): Promise<{ redeemed: true } | { redeemed: false; whyNot: string }> {
    const { store } = this.#options;
    if (await store.redeem(id, edgeId, digest)) {
      this.#tell(id, 'redeemed');
      return { redeemed: true };
    }
    const record = await store.find(id);
    if (record === undefined || record.edgeId !== edgeId)
      return { redeemed: false, whyNot: 'there is no such approval' };
    if (!record.digest.equals(Buffer.from(digest))) {
      return { redeemed: false, whyNot: 'it was given for another operation' };
    }
    return { redeemed: false, whyNot: `it is ${record.state}` };
  }

  /** One person's decision over one approval. @throws ApiError when it is not theirs to make, or too late */
  async decide(
    id: string,
    decision: 'approve' | 'deny',
    who: Principal,
    actor: Actor,
    given: { readonly comment?: string | undefined; readonly digest?: string | undefined },
  ): Promise<ApprovalRecord> {
    const record = await this.get(id);
    this.#mayDecide(record, who, decision);
    if (given.digest !== undefined && given.digest.toLowerCase() !== record.digest.toString('hex')) {
      throw new ApiError('SCRIM_API_CONFLICT', {
        detail: 'the operation is not the one you looked at',
        mend: 'look at the approval again',
      });
    }
    const { store, newId } = this.#options;
    const { connection, caller, rule } = record;
    const comment = given.comment ?? null;
    const decided = await store.decide(
      id,
      { decisionId: newId(), subject: who.subject, comment },
      decision,
      (client, before, after) =>
        insertAudit(client, newId(), actor, {
          action: `approval.${decision}`,
          resource: `approval/${id}`,
          before: { state: before },
          after: { state: after, connection, caller, rule, comment },
        }),
    );
    if (decided === undefined) throw notFound('approval', id);
    if ('refused' in decided) throw new ApiError('SCRIM_API_CONFLICT', { detail: decided.refused });
    this.#tell(id, decided.decided);
    return this.get(id);
  }

  #mayDecide(record: ApprovalRecord, who: Principal, decision: 'approve' | 'deny'): void {
    const forbidden = (detail: string, mend: string) => new ApiError('SCRIM_API_FORBIDDEN', { detail, mend });
    if (!who.roles.includes('approver') && !who.roles.includes('admin')) {
      throw forbidden(
        'this needs the role approver or admin',
        'ask an administrator to bind one of your groups',
      );
    }
    if (sameSubject(who.subject, record.caller)) {
      throw forbidden(`nobody may ${decision} their own operation`, 'ask somebody else');
    }
    const groups = record.approverGroups;
    if (groups.length > 0 && !groups.some((group) => who.groups.includes(group))) {
      throw forbidden(`this is for members of ${groups.join(', ')}`, 'ask one of them');
    }
  }

  async get(id: string): Promise<ApprovalRecord> {
    const record = await this.#options.store.find(id);
    if (record === undefined) throw notFound('approval', id);
    return record;
  }

  list(filter: ApprovalFilter): Promise<ApprovalRecord[]> {
    return this.#options.store.list(filter);
  }

  /** Closes expired and left approvals; one replica at a time does it. Never throws. */
  async sweep(): Promise<void> {
    try {
      for (const { id, state } of await this.#options.store.sweep())
        if (isFinal(state)) this.#tell(id, state);
    } catch (error) {
      this.#options.problem('approvals could not be swept', error);
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unsubscribe();
  }
}
