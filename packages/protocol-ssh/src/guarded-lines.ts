import type { Statement } from '@scrim/model';
import { shellStatement, unknownLine } from './command/shell-line.ts';
import { LineModel } from './terminal/line-model.ts';

/** What lines need of the shell they are typed into. */
export interface LineHost {
  /** Gives keys to the target that run nothing. */
  keys(bytes: Uint8Array): void;
  /** Asks about a line; true = its Enter has gone to the target. */
  judge(statement: Statement, enter: Uint8Array): Promise<boolean>;
  /** The line was refused: what makes the target forget it. */
  erase(): void;
}

/** Milliseconds without output after which an echo is taken to be complete. */
const SETTLED_MS = 50;
/** A target that never falls silent is not waited for longer. */
const LONGEST_WAIT_MS = 2_000;
const LINE_FEED = 0x0a;

/** Lines of an interactive shell, each judged before the target gets the key that runs it. */
export class GuardedLines {
  readonly #host: LineHost;
  readonly #model: LineModel | undefined;
  #pending: Buffer[] = [];
  #waiting = 0;
  /** Until the shell is there, keys wait: what it shows first is its prompt. */
  #busy = true;
  #heardAt = 0;
  #half: NodeJS.Timeout | undefined;
  /** Without a terminal: the line so far. */
  #line: Buffer = Buffer.alloc(0);

  constructor(host: LineHost, terminal: { readonly cols: number; readonly rows: number } | undefined) {
    this.#host = host;
    this.#model = terminal && new LineModel({ columns: terminal.cols, rows: terminal.rows });
  }

  /** Bytes typed and not yet looked at. */
  get waiting(): number {
    return this.#waiting;
  }

  /** True while a line waits for its verdict. */
  get busy(): boolean {
    return this.#busy;
  }

  resize(cols: number, rows: number): void {
    this.#model?.resize(cols, rows);
  }

  /** What the target shows, before it is masked: the model compares it with what was typed. */
  screen(bytes: Uint8Array): void {
    this.#heardAt = performance.now();
    this.#model?.screen(bytes);
  }

  /** The shell runs: from here its prompt is waited for, and then keys are taken. */
  async opened(): Promise<void> {
    const started = performance.now();
    while (this.#model && this.#heardAt === 0 && performance.now() - started < LONGEST_WAIT_MS) {
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    }
    await this.#settled();
    this.#busy = false;
    await this.#pump();
  }

  /** Keys of the caller. Rejects with what broke, which must end the session. */
  async typed(bytes: Buffer): Promise<void> {
    this.#pending.push(bytes);
    this.#waiting += bytes.length;
    await this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
        this.#waiting -= next.length;
        if (this.#model) await this.#take(this.#model, next);
        else await this.#read(next);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** The caller sends no more: a shell runs a last line that has no end. */
  async end(): Promise<void> {
    while (this.#busy) await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    if (this.#line.length > 0) await this.#read(Buffer.of(LINE_FEED));
  }

  async #take(model: LineModel, bytes: Buffer): Promise<void> {
    clearTimeout(this.#half);
    const { pass, enter, rest } = model.keys(bytes);
    if (pass.length > 0) this.#host.keys(pass);
    if (enter) {
      await this.#settled();
      const line = model.line();
      const passed = await this.#host.judge(
        'text' in line
          ? shellStatement('line', line.text, { terminal: true, interactive: true })
          : unknownLine(line.unknown),
        enter,
      );
      if (!passed) this.#host.erase();
      model.entered(passed);
    }
    if (rest.length > 0) {
      await this.#settled();
      this.#pending.unshift(Buffer.from(rest));
      this.#waiting += rest.length;
      return;
    }
    // A lone ESC is a key, too; it may also be the first half of one.
    this.#half = setTimeout(() => {
      const half = model.settleKeys();
      if (half.length > 0) this.#host.keys(half);
    }, SETTLED_MS);
  }

  /** Without a terminal nothing is echoed or edited: a line is what stands before its line feed. */
  async #read(bytes: Buffer): Promise<void> {
    let from = 0;
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
      const line = Buffer.concat([this.#line, bytes.subarray(from, at)]);
      this.#line = Buffer.alloc(0);
      from = at + 1;
      const statement = shellStatement('line', line, { terminal: false, interactive: true });
      if (line.length === 0) this.#host.keys(Buffer.of(LINE_FEED));
      else await this.#host.judge(statement, Buffer.concat([line, Buffer.of(LINE_FEED)]));
    }
    this.#line = Buffer.concat([this.#line, bytes.subarray(from)]);
  }

  /** Resolves when the target has been silent for a moment. */
  async #settled(): Promise<void> {
    const started = performance.now();
    for (;;) {
      const now = performance.now();
      const left = SETTLED_MS - (now - Math.max(started, this.#heardAt));
      if (left <= 0 || now - started > LONGEST_WAIT_MS) return;
      await new Promise((resolve) => setTimeout(resolve, left));
    }
  }
}
