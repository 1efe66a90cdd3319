import type { ColumnEvidence } from './survey.ts';

/** A column rule worth writing, and why. */
export interface Proposal {
  readonly column: string;
  /** As the policy file spells it. */
  readonly with: string;
  readonly evidence: string;
  /** Share of the sampled values that speak for it, 0 to 1. */
  readonly share: number;
}

/** A few odd values in a column of free text are for the detectors; a rule by place would hide the rest, too. */
const LEAST_SHARE = 0.2;
/** A name alone says little about a flag or a count. */
const TEXTUAL = /^(text|character|json|bytea|citext|xml|hstore)|\[\]$/;
const KEEPS_LAST = '{ partial: { keepLast: 4 } }';

/** Operators people expect for what was found; everything else is redacted. */
const OPERATORS: Readonly<Record<string, string>> = { 'pii.card': KEEPS_LAST, 'pii.iban': KEEPS_LAST };

/** The rule a column deserves; undefined when nothing speaks for one. */
export function propose({
  place,
  type,
  sampled,
  found,
  masked,
  tellingName,
}: ColumnEvidence): Proposal | undefined {
  const [most] = Object.entries(found).sort(([, a], [, b]) => b - a);
  const [detector, count] = most ?? ['', 0];
  const share = sampled === 0 ? 0 : Math.min(1, (count + masked) / sampled);
  const byName = tellingName && TEXTUAL.test(type);
  if (share < LEAST_SHARE && !byName) return undefined;
  const reasons = [
    ...(count > 0 ? [`${count} of ${sampled} values are ${detector}`] : []),
    ...(masked > 0 ? [`${masked} of ${sampled} came masked by a detector`] : []),
    ...(byName ? ['its name says so'] : []),
  ];
  return { column: place, with: OPERATORS[detector] ?? 'redact', evidence: reasons.join('; '), share };
}
