import type { GuardCondition, ShellFacts } from '@scrim/model';
import type { Condition } from './condition.ts';
import { Glob } from './glob.ts';

type ShellCondition = Extract<GuardCondition, { shell: unknown }>['shell'];

/** Folders whose programs are what their bare names mean; `/tmp/ls` is not `ls`. */
const SYSTEM_FOLDERS = ['/bin/', '/sbin/', '/usr/bin/', '/usr/sbin/', '/usr/local/bin/', '/usr/local/sbin/'];

/**
 * A condition on a shell line. A restricting rule takes a program by its last name wherever it lies and in any letter
 * case (some file systems have none), and counts words that a program nobody knows might run; an allowing rule takes
 * a path only as written or from the system's folders, and never a redirection it does not name as `write`.
 */
export function shellCondition({ commands, effects }: ShellCondition): Condition {
  const patterns = commands?.map((command) => new CommandPattern(command));
  const touches = (facts: ShellFacts): boolean => {
    if (!facts.complete) return true;
    const names = [...facts.commands, ...(facts.mayRun ?? [])];
    if (patterns && !names.some((name) => patterns.some((one) => one.mayMean(name)))) return false;
    const given = facts.effects ?? ['unknown'];
    return !effects || given.includes('unknown') || effects.some((effect) => given.includes(effect));
  };
  const covers = (facts: ShellFacts): boolean => {
    if (!facts.complete || facts.commands.length === 0) return false;
    if (!effects?.includes('write') && (facts.writes?.length ?? 0) > 0) return false;
    if (patterns && !facts.commands.every((name) => patterns.some((one) => one.surelyMeans(name))))
      return false;
    const given = facts.effects ?? ['unknown'];
    return !effects || (given.length > 0 && given.every((effect) => effects.some((one) => one === effect)));
  };
  return {
    touches: (facts) => facts.kind === 'shell' && touches(facts),
    covers: (facts) => facts.kind === 'shell' && covers(facts),
  };
}

class CommandPattern {
  readonly #written: Glob;
  readonly #folded: Glob;
  readonly #foldedName: Glob;

  constructor(pattern: string) {
    this.#written = new Glob(pattern);
    this.#folded = new Glob(pattern.toLowerCase());
    this.#foldedName = new Glob(lastName(pattern.toLowerCase()));
  }

  mayMean(command: string): boolean {
    const folded = command.toLowerCase();
    return this.#folded.matches(folded) || this.#foldedName.matches(lastName(folded));
  }

  surelyMeans(command: string): boolean {
    if (!command.includes('/')) return this.#written.matches(command);
    // A glob without a path says nothing about paths: `*` allows names, not `/tmp/x`.
    const name = lastName(command);
    return SYSTEM_FOLDERS.includes(command.slice(0, -name.length))
      ? this.#written.matches(command) || this.#written.matches(name)
      : this.#written.matches(command);
  }
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
