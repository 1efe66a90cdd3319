import { compileGlob } from './glob.ts';
import { PlaceError, readPattern } from './place-error.ts';

/** Judges header (and trailer) names. */
export interface HeaderMatcher {
  /** The pattern as written. */
  readonly source: string;
  matches(name: string): boolean;
}

/**
 * Compiles a header name, in any case (RFC 9110 section 5.1); `*` stands for any run of characters.
 * @throws PlaceError when it holds what no header name can.
 */
export function compileHeaderPattern(pattern: string): HeaderMatcher {
  const source = readPattern(pattern, 'x-api-key or x-*-token');
  const stray = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/.exec(source)?.[0];
  if (stray !== undefined) {
    const mend =
      stray === ':' ? 'leave the colon and the value out' : 'use letters, digits and -, * for any run';
    throw new PlaceError(pattern, `has ${JSON.stringify(stray)}, which no header name has`, mend);
  }
  const matches = compileGlob(source.toLowerCase());
  return { source: pattern, matches: (name) => matches(name.toLowerCase()) };
}
