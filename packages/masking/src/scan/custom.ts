import { RE2JS } from 're2js';
import { byteClass } from './bytes.ts';
import type { Collector, Context } from './engine.ts';
import type { View } from './view.ts';
import { type Witness, witnessOf } from './witness.ts';

/** A user's own pattern; its findings carry the detector id `custom.<name>`. It matches within one line. */
export interface CustomPattern {
  readonly name: string;
  readonly regex: string;
}

/** A pattern that cannot be run in linear time, or cannot be run at all. The message says why and what to do. */
export class UnsafePatternError extends Error {
  override readonly name = 'UnsafePatternError';
}

/** A custom pattern ready to run. */
export interface CompiledPattern {
  readonly name: string;
  /** Literals one of which starts every match; empty when none could be derived and every line must be read. */
  readonly anchors: readonly string[];
  /** For a pattern without such literals: what a line must hold before the regex is asked, or null. */
  readonly witness: Witness | null;
  /** Adds every match that lies in [start, end). */
  run(view: View, start: number, end: number, found: Collector): void;
}

/** What a pattern may look at in one piece; a longer line is read in pieces of this size. */
const SEGMENT = 4096;
const LONGEST_REGEX = 2000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/**
 * Throws UnsafePatternError unless the regex runs in linear time: RE2 syntax (https://github.com/google/re2/wiki/Syntax),
 * so no back-references and no look-around, and no match of the empty text.
 */
export function checkPattern(regex: string): void {
  compile(regex, 'pattern');
}

/** Compiles the patterns of a policy. Throws UnsafePatternError naming the pattern. */
export function compileCustom(patterns: readonly CustomPattern[]): readonly CompiledPattern[] {
  const seen = new Set<string>();
  return patterns.map(({ name, regex }) => {
    const label = `pattern "${name}"`;
    if (!NAME.test(name))
      throw new UnsafePatternError(`${label}: a name is letters, digits, "-" and "_", at most 64; rename it`);
    if (seen.has(name)) throw new UnsafePatternError(`${label}: the name is used twice; rename one of them`);
    seen.add(name);
    const compiled = compile(regex, label);
    const witness = witnessOf(regex, topLevelBranches(regex));
    return { name, anchors: requiredPrefixes(regex), witness, run: runner(compiled) };
  });
}

function compile(regex: string, label: string): RE2JS {
  if (regex === '')
    throw new UnsafePatternError(`${label}: the regex is empty; write what a value looks like`);
  if (regex.length > LONGEST_REGEX)
    throw new UnsafePatternError(
      `${label}: the regex is longer than ${LONGEST_REGEX} characters; split it into several`,
    );
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(regex);
  } catch (error) {
    throw new UnsafePatternError(`${label}: ${reason(regex, error)}`);
  }
  if (compiled.matcher('').find())
    throw new UnsafePatternError(
      `${label}: the regex matches the empty text, so it would match everywhere; require at least one character ("+" instead of "*")`,
    );
  return compiled;
}

function reason(regex: string, error: unknown): string {
  if (/\(\?(?:=|!|<=|<!)/.test(regex))
    return 'look-ahead and look-behind have no linear-time form; match the surrounding text or drop the condition';
  if (/\\[1-9]|\\k</.test(regex))
    return 'back-references have no linear-time form; write the repeated part out';
  const detail = error instanceof Error ? error.message : String(error);
  return `not a linear-time (RE2) regex: ${detail}; see https://github.com/google/re2/wiki/Syntax`;
}

const utf8 = new TextDecoder();

function runner(compiled: RE2JS): CompiledPattern['run'] {
  return (view, start, end, found) => {
    const text = utf8.decode(view.bytes.subarray(start, end));
    const matcher = compiled.matcher(text);
    let units = 0;
    let offset = start;
    const toOffset = (to: number): number => {
      for (; units < to; units += 1) {
        const unit = text.charCodeAt(units);
        const surrogate = unit >= 0xd800 && unit <= 0xdfff;
        offset += unit < 0x80 ? 1 : unit < 0x800 || surrogate ? 2 : 3;
      }
      return offset;
    };
    while (matcher.find()) {
      if (matcher.end() === matcher.start()) continue;
      const from = toOffset(matcher.start());
      found.add(from, toOffset(matcher.end()));
    }
  };
}

const LINE = byteClass('^\\n\\r');

/** Runs an anchored pattern once over the rest of the line its literal stands on. */
export function runAnchored(
  pattern: CompiledPattern,
  index: number,
  view: View,
  at: number,
  found: Collector,
  context: Context,
): void {
  const covered = context.covered[index];
  if (covered && at > covered.start && at < covered.end) return;
  const end = view.run(LINE, at, SEGMENT);
  if (view.starved) return;
  context.covered[index] = { start: at, end };
  pattern.run(view, at, end, found);
}

/** Runs a pattern without a literal over every finished line from where it stopped; returns where it stopped now. */
export function runLines(
  pattern: CompiledPattern,
  index: number,
  view: View,
  from: number,
  found: Collector,
  context: Context,
): number {
  let at = context.covered[index]?.end ?? from;
  while (at < view.end) {
    view.starved = false;
    const end = view.run(LINE, at, SEGMENT);
    if (view.starved) break;
    if (end > at && (pattern.witness?.(view.bytes, at, end) ?? true)) pattern.run(view, at, end, found);
    at = end === at ? at + 1 : end;
  }
  context.covered[index] = { start: at, end: at };
  return at;
}

/** The literals one of which every match starts with, or none when that cannot be told. */
export function requiredPrefixes(regex: string): readonly string[] {
  const branches = topLevelBranches(regex.replace(/^\(\?[a-zA-Z]+\)/, ''));
  const literals = branches.map(leadingLiteral);
  return literals.every((literal) => literal.length >= 3) ? literals : [];
}

function topLevelBranches(regex: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < regex.length; i += 1) {
    const char = regex[i];
    if (char === '\\') i += 1;
    else if (char === '[') {
      const close = classEnd(regex, i);
      if (close < 0) return [''];
      i = close;
    } else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === '|' && depth === 0) {
      out.push(regex.slice(start, i));
      start = i + 1;
    }
  }
  out.push(regex.slice(start));
  return out;
}

function classEnd(regex: string, open: number): number {
  let i = open + 1;
  if (regex[i] === '^') i += 1;
  if (regex[i] === ']') i += 1;
  for (; i < regex.length; i += 1) {
    if (regex[i] === '\\') i += 1;
    else if (regex.startsWith('[:', i)) {
      const close = regex.indexOf(':]', i);
      if (close < 0) return -1;
      i = close + 1;
    } else if (regex[i] === ']') return i;
  }
  return -1;
}

const PLAIN = /[A-Za-z0-9 _\-/:@#=%&;,~"'<>!`]/;

function leadingLiteral(branch: string): string {
  let literal = '';
  let i = branch.startsWith('\\b') ? 2 : branch.startsWith('^') ? 1 : 0;
  for (; i < branch.length; i += 1) {
    let char = branch[i] as string;
    let next = i + 1;
    if (char === '\\') {
      char = branch[i + 1] ?? '';
      if (!/[^A-Za-z0-9\s]/.test(char) || char.charCodeAt(0) > 126) break;
      next = i + 2;
    } else if (!PLAIN.test(char)) break;
    const quantifier = branch[next] ?? '';
    if (quantifier === '?' || quantifier === '*' || quantifier === '{') break;
    literal += char;
    i = next - 1;
    if (quantifier === '+') break;
  }
  return literal;
}
