import type { Duplex } from 'node:stream';
import {
  type Connection,
  type Refusal,
  RefusalError,
  refuse,
  type Secret,
  type Snapshot,
} from '@scrim/model';
import type { RecordRule } from '@scrim/policy';
import type { AcceptContext, Exchange, Knock, Protocol } from '@scrim/protocol-kit';
import { type Authorisation, authorise, grantFor } from './authorise/authorise.ts';
import { Enforcements } from './guard/enforcement.ts';
import type { Identify } from './identify/identify.ts';
import type { Recording, RecordingMode, SessionEnding } from './record/recorder.ts';
import { Session, type SessionServices } from './session.ts';

/** Everything the path needs from its edge; built in one place, no container. */
export interface PipelineServices extends SessionServices {
  readonly identify: Identify;
  /** The edge's current snapshot; undefined before the first. */
  readonly snapshot: () => Snapshot | undefined;
  /** Resolves the credential's secrets (env, file, vault, value) at the edge. Throws a RefusalError. */
  readonly secrets: (connection: Connection) => Promise<Readonly<Record<string, Secret>>>;
  readonly recording: Recording;
  readonly accept: AcceptContext;
}

/** Largest delay a timer takes; a token that lives longer is looked at again then. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * The pipeline of one edge: takes sockets, gives sessions. Order of the steps for each knock:
 *
 *   accept -> identify -> authorise -> record(opened) -> dial -> relay      each step may refuse: the knock is rejected
 */
export class Pipeline {
  readonly #services: PipelineServices;
  readonly #enforcements: Enforcements;
  readonly #sessions = new Map<string, Session>();
  #stopping = false;

  constructor(services: PipelineServices) {
    this.#services = services;
    this.#enforcements = new Enforcements();
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  /** Serves one accepted socket until its peer is gone. Never throws. */
  async serve(protocol: Protocol, socket: Duplex): Promise<void> {
    try {
      for await (const knock of protocol.accept(socket, this.#services.accept)) {
        // Not awaited: HTTP/2 and SSH bring several callers over one socket, and each ends by itself.
        void this.#answer(protocol, knock);
      }
    } catch (error) {
      this.#services.failed('', error);
      socket.destroy();
    }
  }

  /** New rules reach open sessions too; a connection that is gone, or no longer theirs, ends them. */
  applySnapshot(snapshot: Snapshot): void {
    this.#enforcements.clear();
    for (const session of this.#sessions.values()) {
      const { caller, connection, part } = session.authorisation;
      try {
        const wants = { wants: connection.name, ...(part === undefined ? {} : { part }) };
        const fresh = authorise(caller, wants, connection.protocol, snapshot, this.#services.now());
        session.enforce(this.#enforcements.of(fresh));
      } catch (error) {
        session.end('revoked', refusalOf(error));
      }
    }
  }

  /** Ends every session the token opened. */
  revoke(tokenId: string): void {
    for (const session of this.#sessions.values()) {
      if (session.authorisation.caller.tokenId === tokenId) {
        session.end('revoked', refuse('SCRIM_AUTH_REVOKED').refusal);
      }
    }
  }

  /** Refuses what comes and ends what is open; resolves when every session's last event is recorded. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const open = [...this.#sessions.values()];
    for (const session of open) {
      session.end('shutdown', refuse('SCRIM_TARGET_BROKEN', { message: 'the edge is stopping' }).refusal);
    }
    await Promise.all(open.map((session) => session.closed));
  }

  async #answer(protocol: Protocol, knock: Knock): Promise<void> {
    try {
      const caller = await this.#services.identify(knock.credential);
      const now = this.#services.now();
      const authorisation = authorise(caller, knock, protocol.name, this.#services.snapshot(), now);
      if (this.#stopping || !this.#services.recording.ready()) throw refuse('SCRIM_SPOOL_FULL');
      await this.#open(knock, authorisation);
    } catch (error) {
      const refusal = refusalOf(error);
      if (!(error instanceof RefusalError)) this.#services.failed('', error);
      this.#services.recording.rejected({
        protocol: protocol.name,
        wants: knock.wants,
        claimedName: knock.claimedName,
        code: refusal.code,
      });
      await knock.reject(refusal);
    }
  }

  async #open(knock: Knock, authorisation: Authorisation): Promise<void> {
    const { connection, caller, compiled } = authorisation;
    const enforcement = this.#enforcements.of(authorisation);
    const sessionId = this.#services.newId();
    let session: Session | undefined;
    const record = recordingMode(compiled.record);
    const recorder = this.#services.recording.open(sessionId, connection.name, record, (error) =>
      session?.end('broken', error.refusal),
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
    let exchange: Exchange;
    try {
      const secrets = await this.#services.secrets(connection);
      exchange = await knock.admit(grantFor(authorisation, sessionId, secrets, this.#services.accept.limits));
    } catch (error) {
      const refusal = refusalOf(error);
      this.#services.failed(sessionId, error);
      recorder.closed('refused', refusal);
      if (!(error instanceof RefusalError)) await knock.reject(refusal);
      return;
    }
    // The token may have been revoked while the target was being reached; nobody would have told this session.
    const still = await this.#stillTrusted(knock);
    session = new Session(sessionId, authorisation, enforcement, exchange, recorder, this.#services);
    this.#follow(session);
    session.start();
    if (still) session.end('revoked', still);
  }

  async #stillTrusted(knock: Knock): Promise<Refusal | undefined> {
    try {
      await this.#services.identify(knock.credential);
      return undefined;
    } catch (error) {
      return refusalOf(error);
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
