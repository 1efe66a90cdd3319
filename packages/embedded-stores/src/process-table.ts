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

function linuxProcessesIn(folder: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/cwd`) === folder && linuxStat(Number(name))?.state !== 'Z') {
        found.push(Number(name));
      }
    } catch {
      // Ended meanwhile, or another user's: not ours to look at.
    }
  }
  return found;
}

/**
 * Numbers of the processes whose current folder is exactly `folder`. PostgreSQL and Redis both change into their data
 * folder, so for a folder that holds nothing else this is "the servers running on this data", whatever a stale pid
 * file says.
 */
export function processesIn(folder: string): number[] {
  const real = realpathSync(folder);
  if (process.platform === 'linux') return linuxProcessesIn(real);
  // lsof -Fpn prints "p<pid>" and "n<folder>" lines in turn.
  let pid = 0;
  const found: number[] = [];
  for (const line of run('lsof', ['-a', '-d', 'cwd', '-Fpn']).split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    else if (line === `n${real}`) found.push(pid);
  }
  return found.filter((each) => each !== process.pid);
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
 * Ends every process whose current folder is `folder`, by the given steps, looking again each time because a dying
 * server's children may outlive it.
 *
 * @returns the numbers that were found first (empty: nothing ran there).
 * @throws Error when one is still there after the last step.
 */
export async function stopProcessesIn(folder: string, steps: readonly StopStep[]): Promise<number[]> {
  const first = processesIn(folder);
  for (const { signal, waitMs } of steps) {
    const alive = processesIn(folder);
    if (alive.length === 0) return first;
    signalAll(alive, signal);
    const until = performance.now() + waitMs;
    while (performance.now() < until && processesIn(folder).length > 0) await sleep(20);
  }
  const left = processesIn(folder);
  if (left.length > 0) throw new Error(`processes ${left.join(', ')} in ${folder} could not be stopped`);
  return first;
}
