import type { Effect, Facts, GuardCondition, SqlFacts, TouchedTable } from '@scrim/model';
import { fileCondition } from './file-condition.ts';
import { httpCondition } from './http-condition.ts';
import { shellCondition } from './shell-condition.ts';
import { TablePattern } from './table-pattern.ts';

/** A compiled condition on an operation. */
export interface Condition {
  /** Whether any part of what the operation can cause meets the condition; what is unknown meets every one. */
  touches(facts: Facts): boolean;
  /** Whether everything the operation can cause meets it; what is unknown meets none. Only this may allow. */
  covers(facts: Facts): boolean;
}

type SqlCondition = Extract<GuardCondition, { sql: unknown }>['sql'];

/** Compiles the operation conditions (`sql`, `shell`, `http`); undefined for those on sizes and contents. */
export function compileCondition(when: GuardCondition): Condition | undefined {
  if ('sql' in when) return sqlCondition(when.sql);
  if ('shell' in when) return shellCondition(when.shell);
  if ('sftp' in when) return fileCondition(when.sftp);
  if ('http' in when) return httpCondition(when.http);
  return undefined;
}

function sqlCondition(condition: SqlCondition): Condition {
  const compiled = { ...condition, patterns: condition.tables?.map((pattern) => new TablePattern(pattern)) };
  return {
    touches: (facts) => facts.kind === 'sql' && (!facts.complete || sqlTouches(compiled, facts)),
    covers: (facts) => facts.kind === 'sql' && facts.complete && sqlCovers(compiled, facts),
  };
}

type CompiledSql = SqlCondition & { readonly patterns: readonly TablePattern[] | undefined };

function sqlTouches(condition: CompiledSql, facts: SqlFacts): boolean {
  if (condition.statements && !overlap(condition.statements, facts.statements)) return false;
  if (condition.unbounded && !overlap(condition.unbounded, facts.unbounded)) return false;
  const effects = condition.effects?.filter((effect) => facts.effects.includes(effect));
  if (effects && effects.length === 0) return false;
  const { patterns } = condition;
  if (!patterns) return true;
  return facts.tables.some(
    (table) =>
      patterns.some((pattern) => pattern.mayMean(table)) &&
      (!condition.unbounded || table.access === 'write') &&
      (!effects || effects.some((effect) => concerns(effect, table))),
  );
}

/**
 * A condition on tables and effects asks what is done to those tables: `write` is about written ones and `read`
 * about read ones, so that copying out of a table is no write to it. Other effects concern every table named.
 */
function concerns(effect: Effect, table: TouchedTable): boolean {
  return effect === 'read' || effect === 'write' ? table.access === effect : true;
}

function sqlCovers(condition: CompiledSql, facts: SqlFacts): boolean {
  if (condition.statements && !within(facts.statements, condition.statements)) return false;
  if (condition.effects && !within(facts.effects, condition.effects)) return false;
  if (condition.unbounded && !within(facts.unbounded, condition.unbounded)) return false;
  if (condition.unbounded && facts.unbounded.length === 0) return false;
  const { patterns } = condition;
  if (!patterns) return true;
  if (facts.tables.length === 0) return false;
  // Tables say nothing about server files or other sessions: only a rule that names `admin` allows it.
  if (!condition.effects && facts.effects.includes('admin')) return false;
  return facts.tables.every((table) => patterns.some((pattern) => pattern.surelyMeans(table)));
}

function overlap(wanted: readonly string[], given: readonly string[]): boolean {
  return wanted.some((one) => given.includes(one));
}

/** Nothing is within nothing: a rule that lists names allows only what has one of them. */
function within(given: readonly string[], allowed: readonly string[]): boolean {
  return given.length > 0 && given.every((one) => allowed.includes(one));
}
