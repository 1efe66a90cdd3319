/** Protocol-neutral kinds of values; what replaces a value is valid for its kind. */
export const VALUE_TYPES = [
  'text',
  'int2',
  'int4',
  'int8',
  'numeric',
  'float',
  'money',
  'bool',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'inet',
  'cidr',
  'macaddr',
  'bytes',
  'json',
  'xml',
  'bit',
  'unknown',
] as const;

/** One of {@link VALUE_TYPES}. `unknown` is treated as text. */
export type ValueType = (typeof VALUE_TYPES)[number];

/** How a policy names an operator (`with:`); see docs/masking-operators.md. */
export type OperatorSpec =
  | 'redact'
  | 'hash'
  | 'tokenise'
  | 'null'
  | 'fpe'
  | 'partial'
  | { readonly redact: RedactOptions }
  | { readonly partial: PartialOptions }
  | { readonly hash: HashOptions }
  | { readonly tokenise: TokeniseOptions }
  | { readonly fpe: FpeOptions };

export interface RedactOptions {
  /** Text with `{type}`, `{detector}` and `{hash}` filled in; default `***MASKED***`. */
  readonly template: string;
}

export interface PartialOptions {
  /** Characters (graphemes, or digits of a number) left readable at the start; default 0. */
  readonly keepFirst?: number;
  /** The same at the end; default 4 when keepFirst is not given, else 0. */
  readonly keepLast?: number;
  /** One character that covers the rest; default `*`. Numbers are always covered by digits. */
  readonly maskWith?: string;
}

export interface HashOptions {
  /** Base32 characters after `hash_`, 16 to 48; default 26. */
  readonly length?: number;
}

export interface TokeniseOptions {
  /** Report token and sealed value to the vault; default: whenever there is one. */
  readonly reversible?: boolean;
}

export interface FpeOptions {
  /** Default: digits when the value has only digits and separators, else alphanumeric. */
  readonly alphabet?: 'digits' | 'alphanumeric';
}

/** What is known about the value being masked. */
export interface OperatorContext {
  readonly type: ValueType;
  /** Id of the detector that found the value (`pii.email`); absent for rules by place. */
  readonly detector?: string;
  /**
   * Longest text the place holds, in characters (code points), as `varchar(n)` counts them; for a numeric the digits
   * before its point.
   */
  readonly maxLength?: number;
}

/** Replaces sensitive values. Pure: the same value, context and keys give the same result. */
export interface Operator {
  readonly name: string;
  /**
   * The stand-in for `value`, in the text form PostgreSQL gives and takes for that type;
   * null stands for SQL NULL. Never throws, never returns the value itself unless it is
   * already masked (docs/masking-operators.md lists the types too narrow to be sure).
   */
  apply(value: string, context: OperatorContext): string | null;
  /** Whether `value` is one this operator, with its keys, leaves as it is. */
  recognises(value: string, context: OperatorContext): boolean;
  /** The constant text this operator writes, when it is one (a template without placeholders). */
  readonly literal?: string;
}

/** Secrets an operator works with. */
export interface OperatorKeys {
  /** 32 bytes. Who holds it can test guesses against hashes and tokens. */
  readonly masking: Uint8Array;
}

/** An operator that cannot be built as written: which field, what is wrong, how to mend it. */
export class OperatorError extends Error {
  readonly field: string;
  readonly problem: string;
  readonly mend: string;

  constructor(field: string, problem: string, mend: string) {
    super(`${field}: ${problem}; ${mend}`);
    this.name = 'OperatorError';
    this.field = field;
    this.problem = problem;
    this.mend = mend;
  }
}
