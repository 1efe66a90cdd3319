import type { Refusal, Statement } from '@scrim/model';
import type { ServerChannel, Session } from 'ssh2';
import type { Governed, Host } from './contracts.ts';
import { Program, type Terminal } from './program.ts';
import { NOTHING, run } from './run.ts';
import { SftpChannel } from './sftp/channel.ts';

/** Variables a caller may set at the target: what shows text right, and what git asks for (sshd's AcceptEnv is stricter). */
const ENVIRONMENT = /^(LANG|LANGUAGE|LC_[A-Z_]{1,32}|COLORTERM|NO_COLOR|TZ|GIT_PROTOCOL)$/;
/** Anything else would be cut wrongly by ssh2, or read by a shell. */
const PLAIN_VALUE = /^[\x20-\x7e]{0,1024}$/;
const MAX_VARIABLES = 32;
const TERM = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;
/** Longest command line; the whole of it is judged and recorded. */
const MAX_COMMAND = 256 * 1024;

/** A session channel (RFC 4254 section 6): collects what is asked for until one thing is started on it. */
export class SessionChannel implements Governed {
  readonly lane: number;
  readonly #host: Host;
  readonly #session: Session;
  readonly #environment = new Map<string, string>();
  #terminal: Terminal | undefined;
  #started: Governed | undefined;

  constructor(host: Host, session: Session, lane: number) {
    this.#host = host;
    this.#session = session;
    this.lane = lane;
    session.on('env', (accept, reject, { key, val }) => this.#setVariable(accept, reject, key, val));
    session.on('pty', (accept, reject, info) => {
      const { cols, rows, width, height, term, modes } = info as typeof info & { term: string };
      const named = TERM.test(term ?? '') ? term : 'dumb';
      if (this.#started || this.#terminal) return reject?.();
      this.#terminal = { term: named, modes, ...bounded(cols, rows, width, height) };
      accept?.();
    });
    // ssh2 adds what it must to accept's and reject's: both are absent when no answer is wanted.
    session.on('x11', (_accept, reject) => this.#forbidden('x11', reject));
    session.on('auth-agent', (_accept, reject) => this.#forbidden('agent', reject));
    session.on('exec', (accept, _reject, { command }) => this.#exec(accept(), command));
    session.on('shell', (accept) => this.#shell(accept()));
    session.on('subsystem', (accept, reject, { name }) => {
      if (name === 'sftp') this.#sftp(accept() as ServerChannel);
      else reject?.();
    });
    session.on('close', () => {
      if (!this.#started) host.closed(lane);
    });
  }

  get backlog(): number {
    return this.#started?.backlog ?? 0;
  }

  tell(text: string): void {
    this.#started?.tell(text);
  }

  abandon(refusal: Refusal): boolean {
    return this.#started?.abandon(refusal) ?? false;
  }

  windowGrew(): void {
    this.#started?.windowGrew();
  }

  end(text: string | undefined): void {
    this.#started?.end(text);
  }

  request(type: string, data: unknown): boolean {
    return this.#started?.request(type, data) ?? false;
  }

  #setVariable(
    accept: (() => void) | undefined,
    reject: (() => void) | undefined,
    key: string,
    val: string,
  ): void {
    const fits = ENVIRONMENT.test(key) && PLAIN_VALUE.test(val) && this.#environment.size < MAX_VARIABLES;
    if (!fits || this.#started) {
      reject?.();
      return;
    }
    this.#environment.set(key, val);
    accept?.();
  }

  /** Ways out that no rule could look into; asking for them is recorded. */
  #forbidden(what: string, reject: (() => void) | undefined): void {
    const statement: Statement = {
      verb: 'forward',
      text: `forward ${what}`,
      facts: { kind: 'forward', destination: what },
    };
    const answer = (): void => reject?.();
    this.#host.relay.fromCaller([
      run(this.lane, NOTHING, { kind: 'operation', statement, parameters: null }, answer, answer),
    ]);
  }

  #exec(channel: ServerChannel, command: string): void {
    if (command.length > MAX_COMMAND || command.includes('\0') || command.includes('\ufffd')) {
      const unreadable = new Program(this.#host, this.#session, channel, this.#setUp());
      this.#started = unreadable;
      unreadable.unreadable('the command is too long, or no UTF-8 text');
      return;
    }
    this.#start(channel).exec(command);
  }

  #shell(channel: ServerChannel): void {
    this.#start(channel).shell();
  }

  #start(channel: ServerChannel): Program {
    const program = new Program(this.#host, this.#session, channel, this.#setUp());
    this.#started = program;
    return program;
  }

  #setUp() {
    return { lane: this.lane, terminal: this.#terminal, environment: this.#environment };
  }

  #sftp(channel: ServerChannel): void {
    this.#started = new SftpChannel(this.#host, this.#session, channel, this.lane);
  }
}

const MOST_CELLS = 10_000;

/** Sizes a terminal can have; zero means "not known" (RFC 4254 section 6.2). */
export function bounded(
  cols: number,
  rows: number,
  width: number,
  height: number,
): Omit<Terminal, 'term' | 'modes'> {
  const cut = (value: number) => Math.max(0, Math.min(MOST_CELLS, value));
  return { cols: cut(cols), rows: cut(rows), width: cut(width), height: cut(height) };
}
