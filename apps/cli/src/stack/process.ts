import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { Failure } from '../failure.ts';
import type { ServedProgram } from '../programs.ts';

export interface ProcessOptions {
  readonly name: string;
  readonly program: ServedProgram;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Resolves when the process serves; rejects while it does not yet. */
  readonly probe: () => Promise<void>;
  /** Ends a start that is still waiting. */
  readonly signal: AbortSignal;
  /** Something the user should see: it died, it came back. */
  readonly report: (text: string) => void;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const MAX_BACKOFF_MS = 5_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A child that is started again, with growing pauses, whenever it dies without being asked to. */
export class SupervisedProcess {
  readonly #options: ProcessOptions;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #stopping = false;
  #backoff = 100;
  #restarted: (() => void) | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Called after each restart, once the process serves again. */
  onRestart(listener: () => void): void {
    this.#restarted = listener;
  }

  /** Starts it and waits until it serves. Throws a Failure that names the log when it does not. */
  async start(): Promise<void> {
    this.#spawn();
    await this.#untilReady(true);
  }

  /** Asks it to end (SIGTERM), insists after 15 s (SIGKILL), and waits until it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
    this.#log.end();
  }

  #spawn(): void {
    const { args, env } = this.#options.program;
    const child = spawn(process.execPath, [...args], {
      env: { ...env, ...process.env, ...this.#options.env, SCRIM_SUPERVISED: 'true' },
      // The open stdin tells the child that its supervisor lives; when it closes, the child ends in good order.
      stdio: ['pipe', 'pipe', 'pipe'],
      // Its own group: Ctrl-C on the terminal reaches the supervisor alone, which stops the parts in order.
      detached: true,
    });
    child.stdout.pipe(this.#log, { end: false });
    child.stderr.pipe(this.#log, { end: false });
    child.once('exit', (code, signal) => {
      if (!this.#stopping) void this.#revive(code === null ? String(signal) : `code ${code}`);
    });
    this.#child = child;
  }

  async #revive(how: string): Promise<void> {
    this.#options.report(`${this.#options.name} ended (${how}); starting it again`);
    await sleep(this.#backoff);
    this.#backoff = Math.min(this.#backoff * 2, MAX_BACKOFF_MS);
    if (this.#stopping) return;
    this.#spawn();
    await this.#untilReady(false).catch(() => undefined);
    if (this.#stopping || this.#child?.exitCode !== null) return;
    this.#backoff = 100;
    this.#options.report(`${this.#options.name} serves again (pid ${this.pid})`);
    this.#restarted?.();
  }

  async #untilReady(failFast: boolean): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (Date.now() < deadline) {
      if (failFast) this.#options.signal.throwIfAborted();
      if (this.#child?.exitCode !== null && failFast) break;
      const ready = await this.#options.probe().then(
        () => true,
        () => false,
      );
      if (ready) return;
      await sleep(50);
    }
    if (failFast) this.#stopping = true;
    throw new Failure(`${this.#options.name} did not start`, `its log is ${this.#options.logFile}`);
  }
}

/** A probe that asks an HTTP address for a 200. */
export function httpProbe(url: string): () => Promise<void> {
  return async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  };
}
