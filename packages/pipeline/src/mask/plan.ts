import type { ColumnMatcher, FieldRule, HeaderMatcher, Operator, Scanner } from '@scrim/masking';
import type { ValueType } from '@scrim/model';
import type { Column, Place, Relation, Shape } from '@scrim/protocol-kit';

/** A rule that masks whole columns by where their values come from. */
export interface ColumnRule {
  readonly id: string;
  readonly matcher: ColumnMatcher;
  readonly operator: Operator;
}

/** A rule that masks a header's value by its name. */
export interface HeaderRule {
  readonly id: string;
  readonly matcher: HeaderMatcher;
  readonly operator: Operator;
}

/** What content detectors found is replaced by this. */
export interface ContentRule {
  readonly id: string;
  readonly operator: Operator;
  /** Whether the caller gets back what the rule tokenised in its own request. */
  readonly restores?: boolean;
}

/** The masking half of a caller's policies, compiled once and shared by all sessions they apply to. */
export interface MaskRules {
  readonly columns: readonly ColumnRule[];
  readonly fields: readonly FieldRule[];
  readonly headers: readonly HeaderRule[];
  /** Absent when no rule looks at content. */
  readonly scanner?: Scanner;
  /** By detector id; the rule that comes first in the policies wins. */
  readonly content: ReadonlyMap<string, ContentRule>;
  /** Detectors whose findings a response rule asks about, masked or not. */
  readonly watched: ReadonlySet<string>;
  /** True when a response rule asks for the largest single value. */
  readonly measuresBlobs: boolean;
  readonly derived: 'mask' | 'block';
  /** Shows nothing of a value: for what no rule's own operator was written for (computed values, whole documents). */
  readonly cover: Operator;
  /** True when some rule looks at what passes; else everything is counted as passed blind. */
  readonly inspects: boolean;
}

export interface ColumnAction {
  readonly rule: string;
  readonly operator: Operator;
  /** The base column, for the masking event. */
  readonly place: string;
}

/** An action for one column of one shape. */
export interface PlannedAction extends ColumnAction {
  /** What the operator writes whatever the value is; undefined where it must see the value. */
  readonly constant: string | null | undefined;
}

/** What to do with the rows of one shape. */
export interface Plan {
  readonly shape: Shape;
  /** By column: masked by place. */
  readonly actions: readonly (PlannedAction | undefined)[];
  /** Columns to visit although the prefilter found nothing: place rules, telling names, JSON field rules, blob limits. */
  readonly always: Uint8Array;
  /** Columns to visit when the prefilter found something; includes `always`. */
  readonly suspect: Uint8Array;
  readonly anyAlways: boolean;
  readonly anySuspect: boolean;
  /** Columns whose text the prefilter reads; the others are masked anyway or hold no text. */
  readonly scanned: Uint8Array;
  /** By column: the name content detectors are told. Telling if the label or a base column's name is. */
  readonly keys: readonly string[];
  /** Some JSON column is scanned; an escape in it can hide a value from the prefilter. */
  readonly anyJson: boolean;
  /** A computed column may carry a masked one and the policy says block. */
  readonly blockedBy?: string;
}

function ruleFor(rules: readonly ColumnRule[], place: Place): ColumnRule | undefined {
  return rules.find((rule) => rule.matcher.matches(place.schema, place.table, place.column));
}

function placeName(place: Place): string {
  return `${place.schema}.${place.table}.${place.column}`;
}

/** Whether what the operator writes is the same for every value. */
function isConstant(operator: Operator): boolean {
  return operator.literal !== undefined || operator.name === 'null';
}

/** Types whose stand-in does not depend on the value (a numeric keeps its scale, a bit string its length). */
const CONSTANT_TYPES: ReadonlySet<ValueType> = new Set<ValueType>([
  'text',
  'unknown',
  'json',
  'int2',
  'int4',
  'int8',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
]);

/** What the operator writes into the column in any case, so that a masked column costs no look at its values. */
function constantOf(operator: Operator, column: Column): string | null | undefined {
  if (operator.name === 'null') return null;
  if (operator.literal === undefined || !CONSTANT_TYPES.has(column.type)) return undefined;
  return applyTo(operator, '', column);
}

/** A value through an operator, told of the column's type and width. */
export function applyTo(operator: Operator, value: string, column: Column): string | null {
  return operator.apply(value, {
    type: column.type,
    ...(column.maxLength === undefined ? {} : { maxLength: column.maxLength }),
  });
}

/**
 * The same action, telling nothing of the value. An operator that keeps a part or gives equal values equal tokens is
 * safe only for the column it was written for: on computed values the caller chooses what it is applied to, and puts
 * `partial(substr(card, 1, n))` or the tokens of guessed literals together again.
 */
function concealed(action: ColumnAction, cover: Operator): ColumnAction {
  return isConstant(action.operator) ? action : { ...action, operator: cover };
}

/** Values of several masked columns under one label get an operator that fits all of them. */
function actionByOrigin(rules: MaskRules, column: Column): ColumnAction | undefined {
  let action: ColumnAction | undefined;
  for (const origin of column.origins) {
    const rule = ruleFor(rules.columns, origin);
    if (!rule) continue;
    const found = { rule: rule.id, operator: rule.operator, place: placeName(origin) };
    if (!action) action = found;
    else if (action.rule !== found.rule) {
      action = concealed(isConstant(action.operator) ? action : found, rules.cover);
    }
  }
  return action;
}

/**
 * The first masked column a statement can reach, or undefined when it can reach none. The operator tells nothing of
 * the value, because which masked column the value comes from is not known.
 */
export function reachable(
  rules: MaskRules,
  reach: readonly Relation[] | 'unknown',
): ColumnAction | undefined {
  const first = rules.columns[0];
  if (!first) return undefined;
  if (reach === 'unknown') {
    return concealed({ rule: first.id, operator: first.operator, place: 'unknown' }, rules.cover);
  }
  for (const relation of reach) {
    for (const column of relation.columns) {
      const place = { schema: relation.schema, table: relation.table, column };
      const rule = ruleFor(rules.columns, place);
      if (rule) {
        const action = { rule: rule.id, operator: rule.operator, place: placeName(place) };
        return concealed(action, rules.cover);
      }
    }
  }
  return undefined;
}

/** The name detectors judge a column by: an alias must not talk a telling column out of its mask. */
function keyOf(rules: MaskRules, column: Column): string {
  const telling = column.origins.find((origin) => rules.scanner?.isSensitiveKey(origin.column));
  return telling?.column ?? column.name;
}

/**
 * Compiles the plan of one shape. A column whose origin is not exact is judged by everything the statement can reach:
 * unknown means masked (DESIGN section 6), so a new way to compute a value is over-masked, never leaked.
 */
export function compilePlan(rules: MaskRules, shape: Shape): Plan {
  const width = shape.columns.length;
  const actions: (PlannedAction | undefined)[] = new Array(width);
  const scannedColumns = new Uint8Array(width);
  const always = new Uint8Array(width);
  const suspect = new Uint8Array(width);
  const keys: string[] = [];
  let anyJson = false;
  let blockedBy: string | undefined;
  let reached: ColumnAction | undefined | null = null;
  for (let index = 0; index < width; index++) {
    const column = shape.columns[index] as Column;
    let action = actionByOrigin(rules, column);
    if (!column.exact) {
      if (action) action = concealed(action, rules.cover);
      else {
        if (reached === null) reached = reachable(rules, shape.reach);
        action = reached;
      }
    } else if (action && column.derived) action = concealed(action, rules.cover);
    const computed = !column.exact || column.derived === 'computed';
    if (action && computed && rules.derived === 'block') blockedBy ??= action.rule;
    actions[index] = action && { ...action, constant: constantOf(action.operator, column) };
    const { parts } = column;
    const named = parts?.named === true || parts?.encoded === true;
    const json = (column.type === 'json' || named) && rules.fields.length > 0;
    const key = keyOf(rules, column);
    keys.push(key);
    const scanned = rules.scanner !== undefined && column.textual && !action;
    if (scanned) scannedColumns[index] = 1;
    if (scanned && column.type === 'json') anyJson = true;
    // The hex of binary values hides what they say from the prefilter.
    const opaque = scanned && (column.type === 'bytes' || named);
    const telling = scanned && rules.scanner?.isSensitiveKey(key) === true;
    if (action || json || opaque || telling || rules.measuresBlobs) always[index] = 1;
    if (always[index] === 1 || (rules.scanner && column.textual)) suspect[index] = 1;
  }
  return {
    shape,
    actions,
    always,
    suspect,
    anyAlways: always.includes(1),
    anySuspect: scannedColumns.includes(1),
    scanned: scannedColumns,
    keys,
    anyJson,
    ...(blockedBy === undefined ? {} : { blockedBy }),
  };
}
