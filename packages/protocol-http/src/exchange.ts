import { createHash } from 'node:crypto';
import { type Refusal, RefusalError, refuse } from '@scrim/model';
import type { Exchange, GrantDetails, Relay, Run } from '@scrim/protocol-kit';
import { RequestBody } from './body.ts';
import { type Call, Conversation, type Surroundings } from './conversation.ts';
import type { Dialect } from './dialect/contract.ts';
import type { ParkedAnswers } from './parked.ts';
import { EMPTY, type HttpRun } from './runs.ts';
import type { Statements } from './statement.ts';
import type { Injected, Target } from './target.ts';

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly details: GrantDetails;
  readonly target: Target;
  readonly dialect: Dialect | undefined;
  readonly injected: Injected;
  readonly statements: Statements;
  readonly parked: ParkedAnswers;
  /** The session is over: requests that come later need another. */
  readonly over: () => void;
}

/** How long a caller is kept waiting for people, in ms, where the edge does not say. */
const HOLD_MS = 55_000;

/**
 * One caller's use of one connection over one socket. Every request is a lane of its own, so that one that is held does
 * not keep the others.
 */
export class HttpExchange implements Exchange {
  readonly #parts: ExchangeParts;
  readonly #open = new Set<Conversation>();
  readonly #early: Call[] = [];
  #around: Surroundings | undefined;
  #lanes = 0;
  #closed = false;
  #callerLeft = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  start(relay: Relay): void {
    const { details, target, dialect, injected, statements } = this.#parts;
    this.#around = {
      relay,
      target,
      dialect,
      injected,
      statements,
      maxMessage: details.limits.maxMessage,
      holdTimeout: details.limits.holdTimeout ?? HOLD_MS,
      over: (conversation) => this.#over(conversation),
      park: (conversation) => this.#park(conversation),
    };
    for (const call of this.#early.splice(0)) this.take(call);
  }

  /** The caller's next request. */
  take(call: Call): void {
    if (!this.#around) {
      this.#early.push(call);
      return;
    }
    const parked = this.#parts.parked.isEmpty
      ? undefined
      : this.#parts.parked.ofLine(this.#owner(), lineOf(call));
    if (parked) void this.#collect(call, parked);
    else this.#begin(call);
  }

  #begin(call: Call, body?: Buffer): void {
    if (!this.#around || this.#closed) return;
    const conversation = new Conversation(++this.#lanes, call, this.#around);
    this.#open.add(conversation);
    conversation.begin(body);
  }

  /** A request that may be one whose answer is kept; its body tells. */
  async #collect(call: Call, parked: (digest: string) => Conversation | undefined): Promise<void> {
    const { limits } = this.#parts.details;
    try {
      const reader = new RequestBody(call.incoming, call.headers, limits.maxMessage);
      call.reply.continue();
      const body = reader.present ? await reader.whole() : EMPTY;
      const kept = parked(requestDigest(lineOf(call), body));
      if (kept) kept.collect(call.reply);
      else this.#begin(call, body);
    } catch (error) {
      const known = error instanceof RefusalError ? error : refuse('SCRIM_INTERNAL', { cause: error });
      call.reply.refuse(known.refusal, this.#parts.dialect);
    }
  }

  /** The caller's socket is gone. What people still decide about goes on, for a retry to collect. */
  callerLeft(): void {
    if (this.#callerLeft || this.#closed) return;
    this.#callerLeft = true;
    this.#endWhenIdle();
  }

  forward(run: Run, bytes?: Uint8Array): void {
    (run as HttpRun).pass(bytes ?? run.bytes);
  }

  refuse(run: Run, refusal: Refusal): void {
    this.#find(run.lane)?.refuse(refusal);
  }

  abandon(lane: number, refusal: Refusal): boolean {
    this.#find(lane)?.refuse(refusal);
    return true;
  }

  /** HTTP has no message in passing that clients show. */
  notify(): void {}

  close(refusal?: Refusal): void {
    if (this.#closed) return;
    this.#closed = true;
    const said = refusal ?? { code: 'SCRIM_TARGET_BROKEN' as const, message: 'the edge ended the session' };
    for (const conversation of this.#open) conversation.refuse(said);
    this.#parts.over();
  }

  #find(lane: number): Conversation | undefined {
    for (const conversation of this.#open) if (conversation.lane === lane) return conversation;
    return undefined;
  }

  #over(conversation: Conversation): void {
    this.#open.delete(conversation);
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (!this.#callerLeft || this.#closed || this.#open.size > 0) return;
    this.#closed = true;
    this.#parts.over();
    this.#around?.relay.ended('caller-left');
  }

  #owner(): string {
    const { caller, connection } = this.#parts.details;
    return JSON.stringify([caller.issuer, caller.subject, connection.name]);
  }

  #park(conversation: Conversation): boolean {
    const { body, call } = conversation;
    if (body === undefined) return false;
    const line = lineOf(call);
    return this.#parts.parked.keep(this.#owner(), line, requestDigest(line, body), conversation);
  }
}

function lineOf({ request }: Call): string {
  return `${request.method} ${request.path.sent}${request.query}`;
}

/** What makes a request the very same one. */
export function requestDigest(line: string, body: Buffer): string {
  return createHash('sha256').update(`${line}\n${body.length}\n`).update(body).digest('hex');
}
