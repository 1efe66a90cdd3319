/*
 *   caller's channel                                                  target's channel
 *      | data, EOF, signals, sizes                                        | stdout, stderr, EOF, exit
 *      v                                                                  v
 *   Lane (to target) -> relay.fromCaller                       Lane (to caller) -> relay.fromTarget
 *                          pass                                              pass
 *                           v                                                 v
 *                    target's channel                                    CallerOutlet
 *
 * Each side is read only as fast as the other takes it: a stream that is held or full is paused, and SSH's own window
 * then stops the peer.
 */
import { type Refusal, refuse, type ShellFacts, type Statement } from '@scrim/model';
import type { ClientChannel, PseudoTtyOptions, ServerChannel, Session } from 'ssh2';
import { binaryStreams, fileStatements } from './binary.ts';
import type { Governed, Host } from './contracts.ts';
import { content, type FrameKind, frame } from './frame.ts';
import { GuardedLines } from './guarded-lines.ts';
import { protocolOf, sendBreak, wireOf } from './internals.ts';
import { CallerOutlet } from './outlet.ts';
import { plainLine, REFUSED_STATUS, sentence, terminalLine } from './refuse.ts';
import { control, Lane, NOTHING, run, type SshRun } from './run.ts';
import { bounded } from './session-channel.ts';
import { TypedEcho } from './typed-echo.ts';

/** A terminal as the caller asked for it. */
export interface Terminal {
  readonly term: string;
  readonly cols: number;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
  readonly modes: unknown;
}

export interface ProgramSetUp {
  readonly lane: number;
  readonly terminal: Terminal | undefined;
  readonly environment: ReadonlyMap<string, string>;
}

/** Milliseconds of silence after which what is held back of a text leaves, as far as it cannot be part of a value. */
const QUIET_MS = 60;
/** The same where somebody types: the echo of each key waits so long. */
const TERMINAL_QUIET_MS = 20;
const CTRL_C = 3;
const SIGNAL = /^[A-Z0-9]{1,16}$/;

interface Exit {
  readonly code: number | null;
  readonly signal?: string;
  readonly core?: boolean;
  readonly message?: string;
}

/** A command or a shell: text both ways, or, where a policy opens that, streams nobody can look into. */
export class Program implements Governed {
  readonly lane: number;
  readonly #host: Host;
  readonly #channel: ServerChannel;
  readonly #setUp: ProgramSetUp;
  readonly #outlet: CallerOutlet;
  readonly #toTarget: Lane;
  readonly #toCaller: Lane;
  #target: ClientChannel | undefined;
  #opaque = '';
  #exit: Exit | undefined;
  #ended = 0;
  #lines: GuardedLines | undefined;
  readonly #echo = new TypedEcho();
  #screen: { readonly columns: number; readonly rows: number } | undefined;
  #isShell = false;
  #callerGone = false;
  #finished = false;

  constructor(host: Host, session: Session, channel: ServerChannel, setUp: ProgramSetUp) {
    this.#host = host;
    this.lane = setUp.lane;
    this.#channel = channel;
    this.#setUp = setUp;
    this.#outlet = new CallerOutlet(host.caller, channel, () => this.#flow());
    const failed = (error: unknown) => host.failed(error);
    this.#toTarget = new Lane((runs) => host.relay.fromCaller(runs), failed);
    this.#toTarget.onIdle = () => this.#flow();
    this.#toCaller = new Lane((runs) => host.relay.fromTarget(runs), failed);
    this.#toCaller.onIdle = () => this.#flow();
    session.on('close', () => this.#callerLeft());
    session.on('signal', (_accept, _reject, { name }) => this.request('signal', name));
    session.on('window-change', (_accept, _reject, info) => this.request('window-change', info));
    channel.on('error', () => undefined);
  }

  get backlog(): number {
    const { readableLength } = this.#channel;
    return readableLength + (this.#target?.readableLength ?? 0) + (this.#target?.stderr.readableLength ?? 0);
  }

  exec(command: string): void {
    const binary = binaryStreams(command);
    const terminal = this.#setUp.terminal !== undefined;
    const facts = { ...this.#host.understand(command, terminal), ...(binary ? { uninspected: binary } : {}) };
    this.#opaque = binary ?? '';
    for (const asked of fileStatements(command, binary)) {
      const meaning = { kind: 'operation', statement: asked, parameters: null } as const;
      const deny = (refusal: Refusal): void => this.#deny(refusal);
      this.#toTarget.push(run(this.lane, Buffer.from(command), meaning, () => undefined, deny));
    }
    this.#start({ verb: 'exec', text: command, facts }, (opened) => {
      this.#host.target.exec(command, { ...this.#options(), allowHalfOpen: true }, opened);
    });
  }

  shell(): void {
    this.#isShell = true;
    const facts: ShellFacts = { kind: 'shell', commands: [], complete: true, interactive: 'open' };
    const { terminal } = this.#setUp;
    const text = terminal
      ? `shell on ${terminal.term} ${terminal.cols}x${terminal.rows}`
      : 'shell without a terminal';
    this.#start({ verb: 'shell', text, facts }, (opened) => {
      const { pty, env } = this.#options();
      this.#host.target.shell(pty ?? false, { env }, opened);
    });
  }

  /** A command that cannot be read as text: judged as the worst, and refused. */
  unreadable(why: string): void {
    const refusal = refuse('SCRIM_UNPARSED', { message: why }).refusal;
    this.#toTarget.push(
      run(
        this.lane,
        NOTHING,
        { kind: 'unknown', why },
        () => undefined,
        () => this.#deny(refusal),
      ),
    );
  }

  tell(text: string): void {
    this.#say(text);
  }

  abandon(refusal: Refusal): boolean {
    this.#deny(refusal);
    return true;
  }

  windowGrew(): void {
    this.#outlet.flush();
  }

  end(text: string | undefined): void {
    if (text !== undefined) this.#say(text);
    this.#finished = true;
    this.#outlet.eof();
    this.#outlet.status(REFUSED_STATUS);
    this.#outlet.close();
    this.#target?.close();
  }

  request(type: string, data: unknown): boolean {
    if (type === 'signal') this.#signal(String(data));
    else if (type === 'window-change') this.#resize(data as Terminal);
    else if (type === 'break') this.#break(data);
    else return false;
    return true;
  }

  #options(): { pty?: PseudoTtyOptions; env: NodeJS.ProcessEnv } {
    const { terminal, environment } = this.#setUp;
    const env = Object.fromEntries(environment);
    if (!terminal) return { env };
    return { pty: { ...terminal, modes: terminal.modes as Record<string, number> }, env };
  }

  #start(
    statement: Statement,
    open: (opened: (error: Error | undefined, channel: ClientChannel) => void) => void,
  ): void {
    const { environment } = this.#setUp;
    const variables = () => [...environment].map(([name, value]) => `${name}=${value}`);
    this.#toTarget.push(
      run(
        this.lane,
        Buffer.from(statement.text),
        { kind: 'operation', statement, parameters: environment.size > 0 ? variables : null },
        () => {
          if (!this.#finished) this.#toTarget.block(this.#open(open));
        },
        (refusal) => this.#deny(refusal),
      ),
    );
    this.#channel.on('data', (chunk: Buffer) => this.#typed(chunk));
    this.#channel.on('end', () => {
      const end = (): void => this.#toTarget.push(control(this.lane, () => this.#target?.end()));
      if (this.#lines) this.#lines.end().then(end, (error: unknown) => this.#host.failed(error));
      else end();
    });
  }

  #open(open: (opened: (error: Error | undefined, channel: ClientChannel) => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const opened = (error: Error | undefined, channel: ClientChannel): void => {
        if (error) {
          // Not its words: they name what the target runs.
          this.#deny(
            refuse('SCRIM_TARGET_BROKEN', { message: 'the target did not open the channel' }).refusal,
          );
        } else this.#attach(channel);
        resolve();
      };
      try {
        open(opened);
      } catch (error) {
        opened(error as Error, undefined as never);
      }
    });
  }

  #attach(target: ClientChannel): void {
    if (this.#callerGone || this.#finished) {
      target.on('error', () => undefined);
      target.close();
      this.#finish();
      return;
    }
    this.#target = target;
    if (this.#isShell && this.#host.relay.judgesLines) this.#lines ??= this.#guardLines();
    this.#lines?.opened().catch((error: unknown) => this.#host.failed(error));
    target.on('error', () => undefined);
    target.on('data', (chunk: Buffer) => this.#said('o', chunk));
    target.stderr.on('data', (chunk: Buffer) => this.#said('e', chunk));
    const ended = (): void => {
      this.#ended += 1;
      if (this.#ended === 2) this.#targetEnded();
    };
    target.on('end', ended);
    target.stderr.on('end', ended);
    target.on('drain', () => this.#flow());
    target.on('exit', (code: number | null, signal?: string, core?: boolean | string, message?: string) => {
      this.#exit = {
        code,
        ...(signal === undefined ? {} : { signal: signal.replace(/^SIG/, '') }),
        core: core === true,
        message: message ?? '',
      };
    });
    // 'close' comes after 'end' of standard output, which comes once everything was read.
    target.on('close', () => this.#targetClosed());
    const { terminal } = this.#setUp;
    if (terminal) this.#resized(terminal.cols, terminal.rows);
  }

  #typed(chunk: Buffer): void {
    if (this.#toTarget.busy && this.#setUp.terminal && chunk.includes(CTRL_C)) {
      // Ctrl-C while an approval is waited for takes the question back.
      if (this.#host.relay.cancel(this.lane)) return;
    }
    // A policy may begin to judge lines while the shell is open; a line half typed is then unknown.
    if (this.#isShell && (this.#lines || this.#host.relay.judgesLines)) {
      if (!this.#lines) {
        this.#lines = this.#guardLines();
        if (this.#target) void this.#lines.opened();
      }
      this.#lines.typed(chunk).catch((error: unknown) => this.#host.failed(error));
      this.#flow();
      return;
    }
    this.#input(chunk);
    this.#flow();
  }

  #guardLines(): GuardedLines {
    return new GuardedLines(
      {
        keys: (bytes) => this.#input(Buffer.from(bytes)),
        judge: (statement, enter) => this.#judgeLine(statement, Buffer.from(enter)),
      },
      this.#setUp.terminal,
    );
  }

  #judgeLine(statement: Statement, enter: Buffer): Promise<boolean> {
    const { facts } = statement;
    const line = { ...statement, facts: { ...facts, kind: 'shell', interactive: 'line' } as ShellFacts };
    return new Promise((resolve) => {
      const pass = (): void => {
        this.#write(enter);
        resolve(true);
      };
      const deny = (refusal: Refusal): void => {
        this.#say(sentence(refusal));
        resolve(false);
      };
      this.#toTarget.push(
        run(this.lane, enter, { kind: 'operation', statement: line, parameters: null }, pass, deny),
      );
    });
  }

  #input(chunk: Buffer): void {
    if (this.#setUp.terminal) this.#echo.typed(chunk);
    const meaning = { kind: 'input', bytes: chunk.length } as const;
    this.#toTarget.push(
      run(
        this.lane,
        chunk,
        meaning,
        () => this.#write(chunk),
        (refusal) => this.#denyInput(refusal),
      ),
    );
  }

  #write(chunk: Buffer): void {
    const { writable } = this.#target ?? {};
    if (writable) this.#target?.write(chunk);
  }

  #said(kind: FrameKind, chunk: Buffer): void {
    this.#lines?.screen(chunk);
    const opaque = this.#opaque;
    if (opaque) {
      const pass = (bytes: Uint8Array) => this.#show(kind, Buffer.from(bytes));
      this.#toCaller.push(run(this.lane, chunk, { kind: 'opaque', why: opaque }, pass));
    } else this.#toCaller.push(this.#text(kind, chunk, false));
    this.#flow();
  }

  #text(kind: FrameKind, bytes: Buffer, last: boolean): SshRun {
    const terminal = this.#setUp.terminal !== undefined;
    const pass = (framed: Uint8Array) => this.#show(kind, framed.length > 0 ? content(framed) : NOTHING);
    const rewrite = ([text]: readonly Uint8Array[]) =>
      text && text.length > 0 ? frame(kind, text) : NOTHING;
    const piece = {
      channel: kind === 'e' ? 1 : 0,
      form: terminal ? ('terminal' as const) : ('text' as const),
      name: kind === 'e' ? 'stderr' : terminal ? 'terminal' : 'stdout',
      bytes,
      last,
      ...(terminal && this.#screen ? { screen: this.#screen } : {}),
      quiet: {
        after: terminal ? TERMINAL_QUIET_MS : QUIET_MS,
        typed: () => this.#echo.due,
        run: (text: Uint8Array) => run(this.lane, frame(kind, text), { kind: 'control' }, pass),
      },
    };
    // Framed once, after masking: a frame of what came would be a copy nobody reads.
    return run(this.lane, bytes, { kind: 'texts', texts: { pieces: [piece], rewrite, always: true } }, pass);
  }

  #show(kind: FrameKind, bytes: Buffer): void {
    this.#echo.shown(bytes);
    if (kind === 'e') this.#outlet.error(bytes);
    else this.#outlet.data(bytes);
  }

  /** Both texts ended: what was held back of them is decided, and the caller is told that no more comes. */
  #targetEnded(): void {
    if (this.#finished) return;
    if (!this.#opaque) {
      this.#toCaller.push(this.#text('o', NOTHING, true));
      this.#toCaller.push(this.#text('e', NOTHING, true));
    }
    this.#toCaller.push(control(this.lane, () => this.#outlet.eof()));
  }

  #targetClosed(): void {
    if (this.#ended < 2) {
      this.#ended = 2;
      this.#targetEnded();
    }
    const exit = this.#exit;
    const tag = exit?.signal ? `signal ${exit.signal}` : exit ? `exit ${exit.code}` : 'closed';
    this.#toCaller.push(
      run(this.lane, NOTHING, { kind: 'outcome', ok: exit?.code === 0, count: null, tag }, () => {
        if (this.#finished) return;
        this.#outlet.eof();
        if (exit?.signal && SIGNAL.test(exit.signal))
          this.#outlet.signal(exit.signal, exit.core ?? false, exit.message ?? '');
        else if (exit && exit.code !== null) this.#outlet.status(exit.code);
        this.#outlet.close();
        this.#finish();
      }),
    );
  }

  #finish(): void {
    this.#finished = true;
    this.#host.closed(this.lane);
  }

  /** Reads each side as fast as the other takes it. */
  #flow(): void {
    const target = this.#target;
    if (target) {
      const stop = this.#outlet.full || this.#toCaller.busy;
      for (const stream of [target, target.stderr]) {
        if (stop && !stream.isPaused()) stream.pause();
        else if (!stop && stream.isPaused()) stream.resume();
      }
    }
    const full = this.#toTarget.busy
      ? this.#toTarget.waiting + (this.#lines?.waiting ?? 0) > this.#host.limits.maxHeldInput
      : (target?.writableNeedDrain ?? false);
    if (full && !this.#channel.isPaused()) this.#channel.pause();
    else if (!full && this.#channel.isPaused()) this.#channel.resume();
  }

  #say(text: string): void {
    if (this.#setUp.terminal) this.#outlet.data(terminalLine(text));
    else this.#outlet.error(plainLine(text));
  }

  #deny(refusal: Refusal): void {
    this.#toTarget.clear();
    this.end(sentence(refusal));
    this.#host.closed(this.lane);
  }

  /** On a terminal the session goes on without what was typed; a stream with a part missing must not. */
  #denyInput(refusal: Refusal): void {
    if (this.#setUp.terminal) this.#say(sentence(refusal));
    else this.#deny(refusal);
  }

  #callerLeft(): void {
    this.#callerGone = true;
    this.#outlet.gone();
    if (this.#toTarget.busy && !this.#target) this.#host.relay.cancel(this.lane);
    if (this.#target) this.#target.close();
    else if (!this.#toTarget.busy) this.#finish();
    // Whatever was held or paused must be read to its end, or the channel never closes.
    for (const stream of [this.#target, this.#target?.stderr]) stream?.resume();
  }

  #signal(name: string): void {
    if (!SIGNAL.test(name)) return;
    if (!this.#target && this.#toTarget.busy && (name === 'INT' || name === 'TERM' || name === 'HUP')) {
      this.#host.relay.cancel(this.lane);
      return;
    }
    this.#inOrder((target) => {
      try {
        protocolOf(this.#host.target).signal(wireOf(target).outgoing.id, name);
      } catch {
        // A name ssh2 does not know: the target could not do anything with it either.
      }
    });
  }

  #resize(info: Terminal): void {
    const { cols, rows, width, height } = bounded(info.cols, info.rows, info.width, info.height);
    this.#inOrder((target) => {
      protocolOf(this.#host.target).windowChange(wireOf(target).outgoing.id, rows, cols, height, width);
    });
    this.#lines?.resize(cols, rows);
    if (this.#target) this.#resized(cols, rows);
  }

  /** For the recording: a screen is replayed at the size it had. */
  #resized(cols: number, rows: number): void {
    this.#screen = { columns: cols, rows };
    const bytes = frame('r', Buffer.from(`${cols}x${rows}`));
    const texts = { pieces: [], rewrite: () => NOTHING };
    this.#toCaller.push(run(this.lane, bytes, { kind: 'texts', texts }, () => undefined));
  }

  #break(data: unknown): void {
    const length = Buffer.isBuffer(data) && data.length >= 4 ? data.readUInt32BE(0) : 0;
    this.#inOrder((target) => sendBreak(this.#host.target, target, Math.min(length, 3_000)));
  }

  /** Behind what the caller sent before, while the target's channel can still take it. */
  #inOrder(act: (target: ClientChannel) => void): void {
    this.#toTarget.push(
      control(this.lane, () => {
        const target = this.#target;
        if (!target) return;
        const { state } = wireOf(target).outgoing;
        if (state === 'open' || state === 'eof') act(target);
      }),
    );
  }
}
