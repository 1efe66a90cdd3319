import type { Duplex } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import {
  type Connection,
  type RecordingMode,
  type Refusal,
  RefusalError,
  refuse,
  type Secret,
  type Snapshot,
} from '@scrim/model';
import type { RecordRule } from '@scrim/policy';
import type { AcceptContext, Exchange, Knock, Protocol } from '@scrim/protocol-kit';
import { attempt } from './attempt.ts';
import { type Authorisation, authorise, grantFor } from './authorise/authorise.ts';
import { Budgets } from './guard/budget.ts';
import { Enforcements } from './guard/enforcement.ts';
import type { Identify } from './identify/identify.ts';
import type { Recording, SessionEnding, SessionRecorder } from './record/recorder.ts';
import { Session, type SessionServices } from './session.ts';
import type { Vault } from './vault/vault.ts';

/** Everything the path needs from its edge; built in one place, no container. */
export interface PipelineServices extends SessionServices {
  readonly identify: Identify;
  /** The edge's current snapshot; undefined before the first. */
  readonly snapshot: () => Snapshot | undefined;
  /** Resolves the credential's secrets (env, file, vault, value) at the edge. Throws a RefusalError. */
  readonly secrets: (connection: Connection) => Promise<Readonly<Record<string, Secret>>>;
  readonly recording: Recording;
  /** Where reversible tokens are kept. */
  readonly vault?: Vault;
  readonly accept: AcceptContext;
}

/** Largest delay a timer takes; a token that lives longer is looked at again then. */
const MAX_TIMER = 2 ** 31 - 1;
/** Characters kept of a name somebody gave at the door. */
const MAX_NAME = 256;
/** The issuer of the control plane's own tokens, which no list of issuers names. */
const OWN_ISSUER = 'scrim';

/** A session whose target is being reached. What would end it meanwhile is remembered, and ends it before it starts. */
class Opening {
  readonly tokenId: string;
  readonly settled: Promise<void>;
  /** What the target was sent and could repeat. */
  secrets: readonly Secret[] = [];
  stopped: { readonly ending: SessionEnding; readonly refusal: Refusal } | undefined;
  session: Session | undefined;
  #settle: (() => void) | undefined;

  constructor(tokenId: string) {
    this.tokenId = tokenId;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  stop(ending: SessionEnding, refusal: Refusal): void {
    this.stopped ??= { ending, refusal };
    this.session?.end(ending, refusal);
  }

  settle(): void {
    this.#settle?.();
  }
}

/**
 * The pipeline of one edge: takes sockets, gives sessions. Order of the steps for each knock:
 *
 *   accept -> identify -> authorise -> record(opened) -> dial -> relay      each step may refuse: the knock is rejected
 */
export class Pipeline {
  readonly #services: PipelineServices;
  readonly #enforcements: Enforcements;
  readonly #sessions = new Map<string, Session>();
  readonly #openings = new Set<Opening>();
  /** What the target of each open session was sent and could repeat. */
  readonly #sent = new WeakMap<Session, readonly Secret[]>();
  /** What is accepted on listeners of one connection, by its name. */
  readonly #contexts = new Map<string, AcceptContext>();
  #stopping = false;

  constructor(services: PipelineServices) {
    const budgets = new Budgets(services.now);
    this.#services = {
      ...services,
      budget: ({ caller, connection }) => budgets.of(caller.issuer, caller.subject, connection.name),
    };
    this.#enforcements = new Enforcements(services.vault);
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  /**
   * Serves one accepted socket until its peer is gone; with `connection` its callers mean that one alone. Never throws.
   */
  async serve(protocol: Protocol, socket: Duplex, connection?: string): Promise<void> {
    try {
      for await (const knock of protocol.accept(socket, this.#contextOf(connection))) {
        // Not awaited: HTTP/2 and SSH bring several callers over one socket, and each ends by itself.
        void this.#answer(protocol, knock);
      }
    } catch (error) {
      this.#services.failed('', error);
      socket.destroy();
    }
  }

  /** The same object for the same connection: protocols keep what they built for a listener by it. */
  #contextOf(connection: string | undefined): AcceptContext {
    if (connection === undefined) return this.#services.accept;
    let context = this.#contexts.get(connection);
    if (!context) {
      context = { ...this.#services.accept, connection };
      this.#contexts.set(connection, context);
    }
    return context;
  }

  /**
   * New rules reach open sessions too; a connection that is gone, or no longer theirs, ends them, and so does a token
   * or issuer that is not trusted any more.
   */
  applySnapshot(snapshot: Snapshot): void {
    this.#enforcements.clear();
    for (const session of this.#sessions.values()) {
      try {
        const fresh = this.#again(session.authorisation, snapshot);
        session.enforce(this.#enforcements.of(fresh, this.#sent.get(session)));
      } catch (error) {
        if (!(error instanceof RefusalError)) this.#services.failed(session.id, error);
        session.end('revoked', refusalOf(error));
      }
    }
  }

  /** Ends every session the token opened, also those whose target is still being reached. */
  revoke(tokenId: string): void {
    const { refusal } = refuse('SCRIM_AUTH_REVOKED');
    for (const opening of this.#openings) {
      if (opening.tokenId === tokenId) opening.stop('revoked', refusal);
    }
    for (const session of this.#sessions.values()) {
      if (session.authorisation.caller.tokenId === tokenId) session.end('revoked', refusal);
    }
  }

  /** Refuses what comes and ends what is open; resolves when every session's last event is recorded. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { refusal } = stopping();
    for (const opening of this.#openings) opening.stop('shutdown', refusal);
    const open = [...this.#sessions.values()];
    for (const session of open) session.end('shutdown', refusal);
    await Promise.all([...open.map((it) => it.closed), ...[...this.#openings].map((it) => it.settled)]);
  }

  /** Answers one caller. Never rejects: nobody waits for it. */
  async #answer(protocol: Protocol, knock: Knock): Promise<void> {
    try {
      const caller = await this.#services.identify(knock.credential, knock.certificate);
      const now = this.#services.now();
      const authorisation = authorise(caller, knock, protocol.name, this.#services.snapshot(), now);
      if (this.#stopping) throw stopping();
      if (!this.#services.recording.ready()) throw refuse('SCRIM_SPOOL_FULL');
      await this.#open(protocol, knock, authorisation);
    } catch (error) {
      if (!(error instanceof RefusalError)) this.#services.failed('', error);
      const refusal = refusalOf(error);
      attempt(this.#services.failed, '', () =>
        this.#services.recording.rejected({
          protocol: protocol.name,
          wants: knock.wants.slice(0, MAX_NAME),
          claimedName: knock.claimedName.slice(0, MAX_NAME),
          code: refusal.code,
        }),
      );
      await this.#reject('', knock, refusal);
    }
  }

  async #open(protocol: Protocol, knock: Knock, authorisation: Authorisation): Promise<void> {
    const { connection, caller, compiled } = authorisation;
    // Compiled before anything is opened: rules that cannot be enforced open nothing.
    this.#enforcements.of(authorisation);
    const sessionId = this.#services.newId();
    const record = recordingMode(compiled.record);
    const opening = new Opening(caller.tokenId);
    const recorder = this.#services.recording.open(sessionId, connection.name, record, ({ refusal }) =>
      opening.stop('broken', refusal),
    );
    recorder.opened({
      sessionId,
      connection: connection.name,
      protocol: connection.protocol,
      caller,
      claimedName: knock.claimedName,
      attributes: { ...caller.attributes, ...knock.attributes },
      policies: Object.fromEntries(compiled.policies.map(({ name, version }) => [name, version])),
      record,
    });
    this.#openings.add(opening);
    try {
      const repeats = protocol.capabilities.echoesCredential === true;
      const guard = (secrets: readonly Secret[]): void => {
        if (!repeats) return;
        this.#guard(authorisation, secrets);
        opening.secrets = secrets;
      };
      const exchange = await this.#dial(knock, authorisation, sessionId, recorder, guard);
      if (exchange) this.#begin(opening, sessionId, authorisation, exchange, recorder);
    } finally {
      this.#openings.delete(opening);
      opening.settle();
    }
  }

  /** Reaches the target; undefined when that failed and the caller knows. */
  async #dial(
    knock: Knock,
    authorisation: Authorisation,
    sessionId: string,
    recorder: SessionRecorder,
    guard: (secrets: readonly Secret[]) => void,
  ): Promise<Exchange | undefined> {
    // From here on the caller is told by admit itself, if by a refusal.
    let told = false;
    try {
      const secrets = await this.#services.secrets(authorisation.connection);
      guard(Object.values(secrets));
      const grant = grantFor(authorisation, sessionId, secrets, this.#services.accept.limits);
      told = true;
      return await knock.admit(grant);
    } catch (error) {
      const refusal = refusalOf(error);
      this.#services.failed(sessionId, error);
      attempt(this.#services.failed, sessionId, () => recorder.closed('refused', refusal));
      if (!told || !(error instanceof RefusalError)) await this.#reject(sessionId, knock, refusal);
      return undefined;
    }
  }

  /** Compiles the rules with the secrets before the target is reached: a credential that could leak opens nothing. */
  #guard(authorisation: Authorisation, secrets: readonly Secret[]): void {
    try {
      this.#enforcements.of(authorisation, secrets);
    } catch (cause) {
      throw refuse('SCRIM_TARGET_CREDENTIAL', {
        message: "the connection's credential could not be kept out of answers",
        hint: 'ask an administrator to set a credential of ASCII characters',
        cause,
      });
    }
  }

  /** Starts the session, by the rules of now: while the target was being reached, everything may have changed. */
  #begin(
    opening: Opening,
    sessionId: string,
    old: Authorisation,
    exchange: Exchange,
    recorder: SessionRecorder,
  ): void {
    let session: Session;
    try {
      const authorisation = this.#again(old, this.#services.snapshot());
      const enforcement = this.#enforcements.of(authorisation, opening.secrets);
      session = new Session(sessionId, authorisation, enforcement, exchange, recorder, this.#services);
      this.#sent.set(session, opening.secrets);
    } catch (error) {
      const refusal = refusalOf(error);
      this.#services.failed(sessionId, error);
      attempt(this.#services.failed, sessionId, () => exchange.close(refusal));
      attempt(this.#services.failed, sessionId, () => recorder.closed('revoked', refusal));
      return;
    }
    this.#follow(session);
    opening.session = session;
    const { stopped } = opening;
    if (stopped) session.end(stopped.ending, stopped.refusal);
    session.start();
  }

  /** Authorises an open session anew. Throws a RefusalError when it must end. */
  #again(old: Authorisation, snapshot: Snapshot | undefined): Authorisation {
    const { caller, connection, part } = old;
    const wants = { wants: connection.name, ...(part === undefined ? {} : { part }) };
    const fresh = authorise(caller, wants, connection.protocol, snapshot, this.#services.now());
    const { revoked, issuers } = fresh.snapshot.tokens;
    if (revoked.some((it) => it.tokenId === caller.tokenId)) throw refuse('SCRIM_AUTH_REVOKED');
    if (caller.issuer !== OWN_ISSUER && !issuers.some((it) => it.issuer === caller.issuer)) {
      throw refuse('SCRIM_AUTH_INVALID', { message: "the token's issuer is not trusted any more" });
    }
    // A recorder keeps the mode it was opened with; going on would record against the new rules.
    if (!isDeepStrictEqual(recordingMode(fresh.compiled.record), recordingMode(old.compiled.record))) {
      throw refuse('SCRIM_UNRECORDED', {
        message: 'the policy now says otherwise how sessions are recorded',
        hint: 'connect again',
      });
    }
    return fresh;
  }

  async #reject(sessionId: string, knock: Knock, refusal: Refusal): Promise<void> {
    try {
      await knock.reject(refusal);
    } catch (error) {
      this.#services.failed(sessionId, error);
    }
  }

  #follow(session: Session): void {
    this.#sessions.set(session.id, session);
    let timer: NodeJS.Timeout | undefined;
    const { expiresAt } = session.authorisation.caller;
    const watchExpiry = (): void => {
      const left = expiresAt - this.#services.now();
      if (left <= 0) session.end('expired', refuse('SCRIM_AUTH_EXPIRED').refusal);
      else timer = setTimeout(watchExpiry, Math.min(left, MAX_TIMER)).unref();
    };
    watchExpiry();
    void session.closed.then((_ending: SessionEnding) => {
      clearTimeout(timer);
      this.#sessions.delete(session.id);
    });
  }
}

function refusalOf(error: unknown): Refusal {
  return error instanceof RefusalError ? error.refusal : refuse('SCRIM_INTERNAL').refusal;
}

function stopping(): RefusalError {
  return refuse('SCRIM_TARGET_BROKEN', { message: 'the edge is stopping' });
}

/** One session is sealed to one key; two auditors' policies on one session cannot both be honoured, so neither is. */
function recordingMode(rule: RecordRule): RecordingMode {
  const [key, another] = rule.sealed;
  if (another !== undefined) {
    throw refuse('SCRIM_UNRECORDED', {
      message: 'the policies seal this session to more than one key',
      hint: 'ask an administrator to let one policy say where recordings are sealed to',
    });
  }
  if (rule.content === 'none' || key === undefined)
    return { content: rule.content, maxContent: rule.maxContent };
  return { content: { sealed: key }, maxContent: rule.maxContent };
}
