import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as told apart from a later one that was given the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Opaque start time; undefined where the system would not say. */
  readonly started: string | undefined;
}

function run(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}

function linuxStat(pid: number): { state: string; started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the name in brackets may hold spaces, so fields are counted after the last bracket (state is 3rd).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '?', started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** When `pid` started, or undefined when there is no such (living) process; a zombie counts as gone. */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const stat = linuxStat(pid);
    return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat.started : undefined;
  }
  const line = run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).trim();
  return line && !line.startsWith('Z') ? line.replace(/^\S+\s+/, '') : undefined;
}

/** The mark of a living process, to be written down and asked about later with {@link isAlive}. */
export function markOf(pid: number): ProcessMark {
  return { pid, started: startOf(pid) };
}

/** Whether the very process that was marked still runs (not merely one that got its number). */
export function isAlive(mark: ProcessMark): boolean {
  const now = startOf(mark.pid);
  return now !== undefined && now === mark.started;
}

/** The kernel keeps this much of a program's name. */
const NAME_LENGTH = 15;

function linuxName(pid: string): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
}

function linuxProcessesIn(folder: string, names: readonly string[]): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const there = readlinkSync(`/proc/${name}/cwd`) === folder && names.includes(linuxName(name));
      if (there && linuxStat(Number(name))?.state !== 'Z') found.push(Number(name));
    } catch {
      // Ended meanwhile, or another user's: not ours to look at.
    }
  }
  return found;
}

/**
 * Numbers of the processes of the given programs whose current folder is exactly `folder`. PostgreSQL and Redis both
 * change into their data folder, so for a folder that holds nothing else this is "the servers running on this data",
 * whatever a stale pid file says; a shell that someone left standing there is not among them.
 */
export function processesIn(folder: string, programs: readonly string[]): number[] {
  const real = realpathSync(folder);
  const names = programs.map((name) => name.slice(0, NAME_LENGTH));
  if (process.platform === 'linux') return linuxProcessesIn(real, names);
  // lsof -Fpcn prints "p<pid>", "c<command>" and "n<folder>" lines in turn.
  let pid = 0;
  let command = '';
  const found: number[] = [];
  for (const line of run('lsof', ['-a', '-d', 'cwd', '+c', String(NAME_LENGTH), '-Fpcn']).split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    else if (line.startsWith('c')) command = line.slice(1);
    else if (line === `n${real}` && names.includes(command)) found.push(pid);
  }
  return found;
}

/** One step of asking a process to end: the signal, and how long it may take before the next step. */
export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // ESRCH: it ended between the look and the signal, which is what was wanted.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * Ends every process of the given programs whose current folder is `folder`, by the given steps, looking again each time
 * because a dying server's children may outlive it.
 *
 * @throws Error when one is still there after the last step.
 */
export async function stopProcessesIn(
  folder: string,
  programs: readonly string[],
  steps: readonly StopStep[],
): Promise<void> {
  const look = () => processesIn(folder, programs);
  for (const { signal, waitMs } of steps) {
    const alive = look();
    if (alive.length === 0) return;
    signalAll(alive, signal);
    const until = performance.now() + waitMs;
    while (performance.now() < until && look().length > 0) await sleep(20);
  }
  const left = look();
  if (left.length > 0) throw new Error(`processes ${left.join(', ')} in ${folder} could not be stopped`);
}
