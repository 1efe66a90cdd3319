/** A pattern of a place that cannot be used: which, what is wrong, how to mend it. */
export class PlaceError extends Error {
  readonly pattern: string;
  readonly problem: string;
  readonly mend: string;

  constructor(pattern: unknown, problem: string, mend: string) {
    super(`${JSON.stringify(pattern) ?? String(pattern)}: ${problem}; ${mend}`);
    this.name = 'PlaceError';
    this.pattern = String(pattern);
    this.problem = problem;
    this.mend = mend;
  }
}

/** Longest pattern taken; names are far shorter, and every limit is written down. */
const LONGEST = 1024;

/** The pattern as text. @throws PlaceError when it is no text, empty or overlong. */
export function readPattern(pattern: unknown, example: string): string {
  if (typeof pattern !== 'string' || pattern.trim() === '' || pattern.length > LONGEST) {
    throw new PlaceError(
      pattern,
      `is not a text of 1 to ${LONGEST} characters`,
      `write one such as ${example}`,
    );
  }
  return pattern.trim();
}
