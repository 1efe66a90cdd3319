import type { SqlFacts } from '@scrim/model';
import type { KnownStatement } from './statements.ts';

/** Command tags of statements that make, change or drop what names mean. */
export const DEFINES = /^(CREATE|ALTER|DROP|IMPORT|REASSIGN|SELECT INTO|DO\b|CALL\b|DISCARD|COMMENT|RENAME)/;

/** Facts of one statement of a text; of the whole text where something in the statement is left open. */
export function factsOf({ facts, parts }: KnownStatement, part: number): SqlFacts {
  const own = parts[part];
  return own && parts.length > 1 && own.executes === undefined && own.calls.length === 0 ? own.facts : facts;
}

const MAKES_NONE = /^(ALTER|COMMENT|CREATE INDEX|DROP|REASSIGN)/;

/** CREATE TEMP, SELECT INTO TEMP, and definitions made by functions or by what could not be understood. */
export function mayMakeTemporary(statement: KnownStatement, part: number): boolean {
  if (!factsOf(statement, part).complete) return true;
  const tag = statement.parts[part]?.tag ?? '';
  if (MAKES_NONE.test(tag)) return false;
  return /\btemp(orary)?\b|pg_temp/i.test(statement.text) || !DEFINES.test(tag);
}

/** Whether a part makes a temporary relation whose columns are followed, and nothing else any name could mean. */
export function makesTemporary(statement: KnownStatement, part: number): boolean {
  const { makes, callsFunctions } = statement.lineage(part);
  return makes !== undefined && !callsFunctions && factsOf(statement, part).complete;
}

/** Whether a part may make temporary relations that nobody sees. */
export function hidesTemporary(statement: KnownStatement, part: number): boolean {
  const facts = factsOf(statement, part);
  if (facts.complete && !facts.effects.includes('ddl')) return false;
  return mayMakeTemporary(statement, part) && !makesTemporary(statement, part);
}
