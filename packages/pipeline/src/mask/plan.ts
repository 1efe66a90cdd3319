import type { ColumnMatcher, FieldRule, Operator, Scanner } from '@scrim/masking';
import type { Column, Place, Relation, Shape } from '@scrim/protocol-kit';

/** A rule that masks whole columns by where their values come from. */
export interface ColumnRule {
  readonly id: string;
  readonly matcher: ColumnMatcher;
  readonly operator: Operator;
}

/** What content detectors found is replaced by this. */
export interface ContentRule {
  readonly id: string;
  readonly operator: Operator;
}

/** The masking half of a caller's policies, compiled once and shared by all sessions they apply to. */
export interface MaskRules {
  readonly columns: readonly ColumnRule[];
  readonly fields: readonly FieldRule[];
  /** Absent when no rule looks at content. */
  readonly scanner?: Scanner;
  /** By detector id; the rule that comes first in the policies wins. */
  readonly content: ReadonlyMap<string, ContentRule>;
  /** Detectors whose findings a response rule asks about, masked or not. */
  readonly watched: ReadonlySet<string>;
  /** True when a response rule asks for the largest single value. */
  readonly measuresBlobs: boolean;
  readonly derived: 'mask' | 'block';
  /** True when some rule looks at what passes; else everything is counted as passed blind. */
  readonly inspects: boolean;
}

export interface ColumnAction {
  readonly rule: string;
  readonly operator: Operator;
  /** The base column, for the masking event. */
  readonly place: string;
}

/** What to do with the rows of one shape. */
export interface Plan {
  readonly shape: Shape;
  /** By column: masked by place. */
  readonly actions: readonly (ColumnAction | undefined)[];
  /** Columns to visit although the prefilter found nothing: place rules, telling names, JSON field rules, blob limits. */
  readonly always: Uint8Array;
  /** Columns to visit when the prefilter found something; includes `always`. */
  readonly suspect: Uint8Array;
  readonly anyAlways: boolean;
  readonly anySuspect: boolean;
  /** A computed column may carry a masked one and the policy says block. */
  readonly blockedBy?: string;
}

function ruleFor(rules: readonly ColumnRule[], place: Place): ColumnRule | undefined {
  return rules.find((rule) => rule.matcher.matches(place.schema, place.table, place.column));
}

function placeName(place: Place): string {
  return `${place.schema}.${place.table}.${place.column}`;
}

function actionByOrigin(rules: readonly ColumnRule[], column: Column): ColumnAction | undefined {
  for (const origin of column.origins) {
    const rule = ruleFor(rules, origin);
    if (rule) return { rule: rule.id, operator: rule.operator, place: placeName(origin) };
  }
  return undefined;
}

/** The first masked column a statement can reach, or undefined when it can reach none. */
export function reachable(
  rules: readonly ColumnRule[],
  reach: readonly Relation[] | 'unknown',
): ColumnAction | undefined {
  const first = rules[0];
  if (!first) return undefined;
  if (reach === 'unknown') return { rule: first.id, operator: first.operator, place: 'unknown' };
  for (const relation of reach) {
    for (const column of relation.columns) {
      const place = { schema: relation.schema, table: relation.table, column };
      const rule = ruleFor(rules, place);
      if (rule) return { rule: rule.id, operator: rule.operator, place: placeName(place) };
    }
  }
  return undefined;
}

/**
 * Compiles the plan of one shape. A column whose origin is not exact is judged by everything the statement can reach:
 * unknown means masked (DESIGN section 6), so a new way to compute a value is over-masked, never leaked.
 */
export function compilePlan(rules: MaskRules, shape: Shape): Plan {
  const width = shape.columns.length;
  const actions: (ColumnAction | undefined)[] = new Array(width);
  const always = new Uint8Array(width);
  const suspect = new Uint8Array(width);
  let blockedBy: string | undefined;
  let reached: ColumnAction | undefined | null = null;
  for (let index = 0; index < width; index++) {
    const column = shape.columns[index] as Column;
    let action = actionByOrigin(rules.columns, column);
    if (!action && !column.exact) {
      if (reached === null) reached = reachable(rules.columns, shape.reach);
      action = reached;
      if (action && rules.derived === 'block') blockedBy ??= action.rule;
    }
    actions[index] = action;
    const json = column.type === 'json' && rules.fields.length > 0;
    const telling = rules.scanner?.isSensitiveKey(column.name) === true && column.textual;
    if (action || json || telling || rules.measuresBlobs) always[index] = 1;
    if (always[index] === 1 || (rules.scanner && column.textual)) suspect[index] = 1;
  }
  return {
    shape,
    actions,
    always,
    suspect,
    anyAlways: always.includes(1),
    anySuspect: suspect.includes(1),
    ...(blockedBy === undefined ? {} : { blockedBy }),
  };
}
