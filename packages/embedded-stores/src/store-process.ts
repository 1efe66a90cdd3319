import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeAccount } from './account.ts';
import type { StopStep } from './process-table.ts';

/** How a store's process ended: exactly one of the two is not null. */
export interface StoreExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a program is started with. */
export interface StoreProgram {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
  /** Called with each line it prints, on either stream, without the line end. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A server running as a child process. */
export interface StoreProcess {
  readonly pid: number;
  /** Resolves (never rejects) when it has ended, by {@link StoreProcess.stop} or otherwise. */
  readonly exited: Promise<StoreExit>;
  /** Its last lines, oldest first, for error messages. */
  tail(): string;
  /** Resolves when it has printed a line that matches; rejects with its last lines when it ends or `ms` pass first. */
  printed(pattern: RegExp, ms: number): Promise<void>;
  /** Ends it by the given steps, then by SIGKILL. Calling it again waits for the same end. */
  stop(steps: readonly StopStep[]): Promise<StoreExit>;
}

const TAIL_LINES = 30;

/** Children still running, asked to end when this process exits without having stopped them. */
const running = new Map<ChildProcess, NodeJS.Signals>();
let exitHooked = false;

function endWithParent(child: ChildProcess, signal: NodeJS.Signals): void {
  running.set(child, signal);
  child.once('exit', () => running.delete(child));
  if (exitHooked) return;
  exitHooked = true;
  process.on('exit', () => {
    for (const [each, how] of running) each.kill(how);
  });
}

function eachLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  stream?.on('end', () => rest && take(rest));
}

/** Its last lines are still on their way for a moment after it ended. */
const LAST_LINES_MS = 250;

function endOf(child: ChildProcess): Promise<StoreExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const done = () => resolve({ code, signal });
      // 'close' alone would wait for a killed server's children, which keep its output open after it.
      const late = setTimeout(done, LAST_LINES_MS);
      child.once('close', () => {
        clearTimeout(late);
        done();
      });
    });
  });
}

function launch(program: StoreProgram): ChildProcess {
  return spawn(program.path, [...program.args], {
    ...storeAccount(),
    // The store's account may be unable to enter the folder this process stands in.
    cwd: '/',
    env: { ...program.env },
    // A process group of its own: Ctrl-C in a terminal reaches only the parent, which stops its stores last.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/**
 * Starts `program` as a child of this process, as `nobody` when this process is root.
 *
 * @param gentle the signal that ends it when this process exits without stopping it.
 * @throws Error naming the program when it cannot be executed.
 */
export async function startProcess(program: StoreProgram, gentle: NodeJS.Signals): Promise<StoreProcess> {
  const child = launch(program);
  const lines: string[] = [];
  const watchers = new Set<(line: string) => void>();
  const take = (line: string) => {
    lines.push(line);
    if (lines.length > TAIL_LINES) lines.shift();
    program.log?.(line);
    for (const watch of watchers) watch(line);
  };
  eachLine(child.stdout, take);
  eachLine(child.stderr, take);
  const exited = endOf(child);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`${program.path} cannot be run: ${error.message}`)));
  });
  child.on('error', () => {});
  // A server that ends before it has read its input breaks this pipe; its exit tells more than EPIPE does.
  child.stdin?.on('error', () => {});
  child.stdin?.end(program.input ?? '');
  endWithParent(child, gentle);
  const tail = () => lines.join('\n');
  return {
    pid: child.pid ?? 0,
    exited,
    tail,
    printed: (pattern, ms) => waitForLine(pattern, ms, { lines, watchers, exited, tail, path: program.path }),
    stop: (steps) => stopChild(child, exited, steps),
  };
}

interface Watched {
  readonly lines: readonly string[];
  readonly watchers: Set<(line: string) => void>;
  readonly exited: Promise<StoreExit>;
  readonly tail: () => string;
  readonly path: string;
}

async function waitForLine(pattern: RegExp, ms: number, on: Watched): Promise<void> {
  if (on.lines.some((line) => pattern.test(line))) return;
  const timeout = new AbortController();
  let watch: ((line: string) => void) | undefined;
  const seen = new Promise<'seen'>((resolve) => {
    watch = (line) => pattern.test(line) && resolve('seen');
    on.watchers.add(watch);
  });
  const late = sleep(ms, 'late' as const, { signal: timeout.signal }).catch(() => 'late' as const);
  const outcome = await Promise.race([seen, late, on.exited]);
  timeout.abort();
  if (watch) on.watchers.delete(watch);
  if (outcome === 'seen') return;
  const what =
    outcome === 'late'
      ? `was not ready after ${ms / 1000} s`
      : `ended at once (${outcome.signal ?? `exit ${outcome.code}`})`;
  throw new Error(`${on.path} ${what}:\n${on.tail()}`);
}

async function stopChild(
  child: ChildProcess,
  exited: Promise<StoreExit>,
  steps: readonly StopStep[],
): Promise<StoreExit> {
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  for (const { signal, waitMs } of [...steps, { signal: 'SIGKILL' as const, waitMs: 5000 }]) {
    if (ended()) break;
    child.kill(signal);
    const timeout = new AbortController();
    await Promise.race([exited, sleep(waitMs, undefined, { signal: timeout.signal }).catch(() => {})]);
    timeout.abort();
  }
  return exited;
}
