import type { Text } from './word.ts';

/** How a program reads its options (POSIX 12.2 and the long ones of GNU). */
export interface OptionSpec {
  /** Letters that take no value. */
  readonly flags?: string;
  /** Letters that take one, in the same word or the next. */
  readonly values?: string;
  /** Letters whose value may only stand in the same word (`xargs -i{}`). */
  readonly attached?: string;
  /** Names without the dashes, separated by blanks. */
  readonly long?: string;
  readonly longValues?: string;
  /** `-5` is an option of its own (`nice -5`). */
  readonly numbers?: boolean;
}

/** Options as given, and where the operands begin. */
export interface OptionReading {
  readonly at: number;
  readonly given: ReadonlyMap<string, Text>;
}

/**
 * Reads the options in front of the operands. Null when one is not known or not constant: then nobody can say which
 * of the following words is the command that is run, so the caller must treat the whole as not understood.
 */
export function readOptions(args: readonly Text[], spec: OptionSpec): OptionReading | null {
  const given = new Map<string, Text>();
  let at = 0;
  while (at < args.length) {
    const arg = args[at] as Text;
    if (arg === null) return null;
    if (arg === '--') return { at: at + 1, given };
    if (!arg.startsWith('-') || arg === '-') break;
    const taken = arg.startsWith('--') ? longOption(args, at, spec, given) : letters(args, at, spec, given);
    if (taken === 0) return null;
    at += taken;
  }
  return { at, given };
}

function longOption(args: readonly Text[], at: number, spec: OptionSpec, given: Map<string, Text>): number {
  const [, name = '', value] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(args[at] as string) ?? [];
  if (spec.long?.split(' ').includes(name)) {
    given.set(name, value ?? '');
    return 1;
  }
  if (!spec.longValues?.split(' ').includes(name)) return 0;
  given.set(name, value ?? args[at + 1] ?? null);
  return value === undefined ? 2 : 1;
}

function letters(args: readonly Text[], at: number, spec: OptionSpec, given: Map<string, Text>): number {
  const word = (args[at] as string).slice(1);
  if (spec.numbers && /^[0-9]+$/.test(word)) return 1;
  for (let i = 0; i < word.length; i += 1) {
    const letter = word[i] as string;
    if (spec.flags?.includes(letter)) given.set(letter, '');
    else if (spec.attached?.includes(letter)) {
      given.set(letter, word.slice(i + 1));
      return 1;
    } else if (spec.values?.includes(letter)) {
      const rest = word.slice(i + 1);
      given.set(letter, rest === '' ? (args[at + 1] ?? null) : rest);
      return rest === '' ? 2 : 1;
    } else return 0;
  }
  return 1;
}
