/** Steps from the root to a value: keys and list positions. */
export type ProblemPath = readonly (string | number)[];

/** Something wrong with a value, wherever it came from. */
export interface Finding {
  readonly path: ProblemPath;
  /** What is wrong, without a trailing full stop. */
  readonly message: string;
  /** What to write instead, as an imperative. */
  readonly mend: string;
  /** A warning does not refuse the document. Absent = error. */
  readonly severity?: 'error' | 'warning';
  /** True when the fault is the key itself and not its value. */
  readonly atKey?: boolean;
}

/** A finding with its place in a file. Lines and columns count from 1; both are 0 when there is no text. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `connections[0].target.tls`; empty for the document as a whole. */
  readonly path: string;
  readonly message: string;
  readonly mend: string;
  readonly severity: 'error' | 'warning';
}

/** Where values of a document stand in its text. */
export interface Positions {
  /** Line and column, from 1, of the value at `path`, or of the nearest parent that is written down. */
  at(path: ProblemPath, key?: boolean): { readonly line: number; readonly column: number };
}

/** `connections[0].target.tls`; keys that are no plain names are quoted. */
export function formatPath(path: ProblemPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** Gives a finding its place. Without positions the place is 0:0. */
export function locate(finding: Finding, file: string, positions?: Positions): Problem {
  const place = positions?.at(finding.path, finding.atKey === true) ?? { line: 0, column: 0 };
  return {
    file,
    line: place.line,
    column: place.column,
    path: formatPath(finding.path),
    message: finding.message,
    mend: finding.mend,
    severity: finding.severity ?? 'error',
  };
}

/** `scrim.yaml:12:7 connections[0].target.tls: "maybe" is not allowed; use disable, require, verify-full`. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const where = [place, problem.path].filter((part) => part !== '').join(' ');
  const warning = problem.severity === 'warning' ? 'warning: ' : '';
  const text = `${warning}${problem.message}; ${problem.mend}`;
  return where === '' ? text : `${where}: ${text}`;
}

/** The candidate that differs from `word` in the fewest letters, when that is few enough to be a slip. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), least);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Letters to insert, drop, change or swap; gives up with `bound` as soon as it cannot stay below. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      row.push(cost);
    }
    if (Math.min(...row) >= bound) return bound;
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
