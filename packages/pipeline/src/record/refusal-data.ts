import type { Refusal } from '@scrim/model';

/** A refusal as its event keeps it: not the hint, which is for the caller alone. */
export function refusalData(
  { code, message, rule, ticket }: Refusal,
  more: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return {
    code,
    message,
    ...(rule === undefined ? {} : { rule }),
    ...(ticket === undefined ? {} : { ticket }),
    ...more,
  };
}
