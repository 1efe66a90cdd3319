/*
 *  caller's packets -> queue -> one after the other: resolve paths -> judged -> target's answer, or our own
 *
 *  A request waits for its verdict, not for its answer: reads and writes stay pipelined. Files are read whole when they
 *  are opened, masked, and served from that copy, because masks change lengths and reads name offsets.
 */
import { type FileFacts, type Refusal, RefusalError, refuse, type Statement } from '@scrim/model';
import type { ClientChannel, ServerChannel, Session } from 'ssh2';
import type { Governed, Host } from '../contracts.ts';
import { frame } from '../frame.ts';
import { CallerOutlet } from '../outlet.ts';
import { plainLine, sentence } from '../refuse.ts';
import { Lane, NOTHING, run } from '../run.ts';
import { SshReader, string, uint32 } from '../ssh-bytes.ts';
import { MaskedSizes } from './copies.ts';
import { type Packet, PacketFramer, packet, STATUS, status, TYPE } from './packets.ts';
import type { ResolvedPath } from './paths.ts';
import { Requests } from './requests.ts';
import { SftpStatus, SftpTarget } from './target.ts';

/** Packets read ahead, and their bytes, before the caller is read no further. */
const READ_AHEAD = 64;
const READ_AHEAD_BYTES = 1 << 20;
const VERSION = 3;
/** Refusals told on standard error: a client that walks a tree meets many. */
const MAX_TOLD = 20;
/** Answers `limits@openssh.com`: packet, read, write, handles. */
const LIMITS = [256 * 1024, 255 * 1024, 255 * 1024, 128];

/** What is asked of one request, before it may go on. */
export interface Question {
  readonly operation: FileFacts['operation'];
  readonly paths: readonly ResolvedPath[];
  /** Why no rule can look into the content. */
  readonly uninspected?: string;
  /** Only guards that block are asked, and it is recorded only when they do: looking at names and sizes. */
  readonly quiet?: boolean;
}

/** The SFTP subsystem as a governed channel. */
export class SftpChannel implements Governed {
  readonly lane: number;
  readonly host: Host;
  readonly sizes = new MaskedSizes();
  readonly #channel: ServerChannel;
  readonly #outlet: CallerOutlet;
  readonly #framer = new PacketFramer();
  readonly #opening: Lane;
  #requests: Requests | undefined;
  #target: SftpTarget | undefined;
  #queue: Packet[] = [];
  #queued = 0;
  #working = false;
  #greeted = false;
  #told = 0;
  #over = false;
  #drained: (() => void) | undefined;
  /** Takes a refusal that ends the content under way, and nothing else. */
  #abandoned: ((refusal: Refusal) => void) | undefined;

  constructor(host: Host, session: Session, channel: ServerChannel, lane: number) {
    this.host = host;
    this.lane = lane;
    this.#channel = channel;
    this.#outlet = new CallerOutlet(host.caller, channel, () => {
      this.#drained?.();
      this.#drained = undefined;
    });
    this.#opening = new Lane(
      (runs) => host.relay.fromCaller(runs),
      (error) => host.failed(error),
    );
    session.on('close', () => this.#callerLeft());
    channel.on('error', () => undefined);
    channel.on('data', (chunk: Buffer) => this.#received(chunk));
    channel.on('end', () => this.#finish(0));
    const facts = { kind: 'shell', commands: ['sftp'], complete: true } as const;
    this.#opening.push(
      run(
        lane,
        Buffer.from('sftp'),
        { kind: 'operation', statement: { verb: 'subsystem', text: 'sftp', facts }, parameters: null },
        () => this.#opening.block(this.#open()),
        (refusal) => this.end(sentence(refusal)),
      ),
    );
  }

  get backlog(): number {
    return this.#channel.readableLength + this.#framer.held + this.#queued;
  }

  tell(text: string): void {
    if (this.#told++ < MAX_TOLD) this.#outlet.error(plainLine(text));
  }

  windowGrew(): void {
    this.#outlet.flush();
  }

  end(text: string | undefined): void {
    if (text !== undefined) this.#outlet.error(plainLine(text));
    this.#finish(1);
  }

  request(): boolean {
    return false;
  }

  abandon(refusal: Refusal): boolean {
    const taken = this.#abandoned !== undefined;
    this.#abandoned?.(refusal);
    this.#abandoned = undefined;
    return taken;
  }

  /** Asks the pipeline; the refusal, or nothing when it may go on. */
  ask(question: Question): Promise<Refusal | undefined> {
    const { operation, paths, uninspected, quiet } = question;
    const named = paths.map(({ path, sure }) => (sure ? path : '(a path the target does not resolve)'));
    const why = uninspected === undefined ? '' : ` (${uninspected})`;
    const facts: FileFacts = {
      kind: 'sftp',
      operation,
      paths: paths.filter(({ sure }) => sure).map(({ path }) => path),
      complete: paths.every(({ sure }) => sure),
      ...(uninspected === undefined ? {} : { uninspected }),
    };
    const statement: Statement = { verb: 'sftp', text: `${operation} ${named.join(' ')}${why}`, facts };
    const meaning = quiet
      ? ({ kind: 'preparation', statement } as const)
      : ({ kind: 'operation', statement, parameters: null } as const);
    return new Promise((resolve, reject) => {
      const asked = run(this.lane, Buffer.from(statement.text), meaning, () => resolve(undefined), resolve);
      Promise.resolve(this.host.relay.fromCaller([asked])).catch(reject);
    });
  }

  /** Judges data on its way to a file; the refusal, or nothing. */
  sent(data: Buffer): Promise<Refusal | undefined> {
    return new Promise((resolve, reject) => {
      const input = run(
        this.lane,
        data,
        { kind: 'input', bytes: data.length },
        () => resolve(undefined),
        resolve,
      );
      Promise.resolve(this.host.relay.fromCaller([input])).catch(reject);
    });
  }

  /** Masks one piece of a file's text; `number` tells files apart. Throws the refusal that ends the file. */
  shown(number: number, bytes: Buffer, last: boolean): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let out: Buffer = NOTHING;
      const piece = { channel: number, form: 'text' as const, name: 'file', bytes, last };
      const texts = {
        pieces: [piece],
        rewrite: ([text]: readonly Uint8Array[]) => (text && text.length > 0 ? frame('f', text) : NOTHING),
      };
      const framed = bytes.length > 0 ? frame('f', bytes) : NOTHING;
      this.#abandoned = (refusal) => reject(new RefusalError(refusal));
      const told = run(this.lane, framed, { kind: 'texts', texts }, (passed) => {
        out = passed.length > 5 ? Buffer.from(passed.subarray(5)) : NOTHING;
      });
      Promise.resolve(this.host.relay.fromTarget([told])).then(() => resolve(out), reject);
    });
  }

  /** Names on their way to the caller, masked. */
  names(values: readonly string[]): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      let shown = values;
      const entries = values.map((value) => ({ name: 'name', value, quotesData: false }));
      const fields = {
        entries,
        reach: [],
        rewrite: (rewritten: readonly string[]) => {
          shown = rewritten;
          return frame('n', Buffer.from(rewritten.join('\n'), 'latin1'));
        },
      };
      const bytes = frame('n', Buffer.from(values.join('\n'), 'latin1'));
      this.#abandoned = (refusal) => reject(new RefusalError(refusal));
      const told = run(this.lane, bytes, { kind: 'fields', fields }, () => resolve(shown));
      Promise.resolve(this.host.relay.fromTarget([told])).catch(reject);
    });
  }

  /** Content nothing looks into, counted; throws the refusal that ends it. */
  opaque(data: Buffer, why: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#abandoned = (refusal) => reject(new RefusalError(refusal));
      const told = run(this.lane, data, { kind: 'opaque', why }, () => resolve());
      Promise.resolve(this.host.relay.fromTarget([told])).catch(reject);
    });
  }

  /** A packet for the caller. */
  send(bytes: Buffer): void {
    this.#outlet.data(bytes);
  }

  /** Says no to one request, in its status and, for people, on standard error. */
  deny(id: number, refusal: Refusal): void {
    const text = sentence(refusal);
    this.tell(text);
    this.send(status(id, STATUS.permissionDenied, text));
  }

  async #open(): Promise<void> {
    try {
      const channel = await new Promise<ClientChannel>((resolve, reject) => {
        this.host.target.subsys('sftp', (error, opened) => (error ? reject(error) : resolve(opened)));
      });
      channel.on('close', () => this.#finish(1));
      this.#target = await SftpTarget.open(channel);
      if (this.#over) {
        this.#target.close();
        return;
      }
      this.#requests = new Requests(this, this.#target);
      void this.#work();
    } catch {
      this.end(sentence(refuse('SCRIM_TARGET_BROKEN', { message: 'the target offers no SFTP' }).refusal));
    }
  }

  #received(chunk: Buffer): void {
    if (this.#over) return;
    try {
      for (const received of this.#framer.push(chunk)) {
        this.#queue.push(received);
        this.#queued += received.body.length;
      }
    } catch {
      this.end(
        sentence(refuse('SCRIM_UNPARSED', { message: 'an SFTP packet has an impossible length' }).refusal),
      );
      return;
    }
    if (this.#queue.length > READ_AHEAD || this.#queued > READ_AHEAD_BYTES) this.#channel.pause();
    void this.#work();
  }

  async #work(): Promise<void> {
    const requests = this.#requests;
    if (this.#working || !requests) return;
    this.#working = true;
    try {
      while (!this.#over) {
        const next = this.#queue.shift();
        if (!next) break;
        this.#queued -= next.body.length;
        if (this.#outlet.full) await new Promise<void>((resolve) => (this.#drained = resolve));
        await this.#handle(requests, next);
        if (this.#queue.length === 0 && this.#channel.isPaused()) this.#channel.resume();
      }
    } finally {
      this.#working = false;
    }
  }

  async #handle(requests: Requests, { type, body }: Packet): Promise<void> {
    if (type === TYPE.init) {
      this.#greet(body);
      return;
    }
    if (body.length < 4 || !this.#greeted) {
      this.end(sentence(refuse('SCRIM_UNPARSED', { message: 'an SFTP packet is cut' }).refusal));
      return;
    }
    const id = body.readUInt32BE(0);
    const fail = (error: unknown): void => this.#failed(id, error);
    try {
      await requests.handle(id, type, new SshReader(body, 4), fail);
    } catch (error) {
      fail(error);
    }
  }

  #greet(body: Buffer): void {
    const version = body.length >= 4 ? body.readUInt32BE(0) : 0;
    if (this.#greeted || version < VERSION) {
      this.end(sentence(refuse('SCRIM_UNSUPPORTED', { message: 'only SFTP version 3 is served' }).refusal));
      return;
    }
    this.#greeted = true;
    const extensions = [...(this.#target?.extensions ?? [])].flatMap(([name, data]) => [
      string(name),
      string(data),
    ]);
    const limits = [string('limits@openssh.com'), string('1')];
    this.send(packet(TYPE.version, uint32(VERSION), ...extensions, ...limits));
  }

  /** What the target or the wire made of one request; the target's own words stay here. */
  #failed(id: number, error: unknown): void {
    if (this.#over) return;
    if (error instanceof SftpStatus) this.send(status(id, error.code));
    else if (error instanceof RefusalError) this.deny(id, error.refusal);
    else if (error instanceof RangeError) this.send(status(id, STATUS.badMessage));
    else this.send(status(id, STATUS.failure));
  }

  #callerLeft(): void {
    this.#outlet.gone();
    if (this.#opening.busy) this.host.relay.cancel(this.lane);
    this.#finish(0);
  }

  #finish(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#requests?.close();
    this.#target?.close();
    const outcome = { kind: 'outcome', ok: code === 0, count: null, tag: 'sftp closed' } as const;
    Promise.resolve(this.host.relay.fromTarget([run(this.lane, NOTHING, outcome, () => undefined)])).catch(
      (error: unknown) => this.host.failed(error),
    );
    this.#outlet.eof();
    this.#outlet.status(code);
    this.#outlet.close();
    this.host.closed(this.lane);
  }
}

export function limitsReply(id: number): Buffer {
  const numbers = LIMITS.map((value) => Buffer.concat([uint32(0), uint32(value)]));
  return packet(TYPE.extendedReply, uint32(id), ...numbers);
}
