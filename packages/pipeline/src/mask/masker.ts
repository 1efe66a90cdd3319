import { type FieldRule, JsonShapeError, maskJson } from '@scrim/masking';
import { refuse } from '@scrim/model';
import type { Cell, Column, Fields, Replacement, Rows, Shape } from '@scrim/protocol-kit';
import { compilePlan, type MaskRules, type Plan, reachable } from './plan.ts';

/** What a masking pass made, and what it met that a response rule may ask about. */
export interface Masked {
  readonly bytes: Buffer;
  /** Bytes of the largest single value, where a rule asks; else 0. */
  readonly largestValue: number;
  /** Detectors that found something, of those a rule asks about. */
  readonly found: readonly string[];
}

const NOTHING: readonly string[] = [];

/** Called for each replaced value: never with the value. */
export type OnHit = (rule: string, place: string) => void;

/**
 * Masks what flows to one caller. One per session, because it keeps the plan of the result under way; the rules are
 * shared. Everything here is synchronous and throws on what cannot be masked, which fails the operation closed.
 */
export class Masker {
  #rules: MaskRules;
  #plans = new WeakMap<Shape, Plan>();
  readonly #onHit: OnHit;
  #plan: Plan | undefined;
  #largest = 0;
  #found: string[] = [];
  readonly #visit = (cell: Cell): Replacement => this.#maskCell(cell);

  constructor(rules: MaskRules, onHit: OnHit) {
    this.#rules = rules;
    this.#onHit = onHit;
  }

  /** Takes new rules for all that follows; plans of the old ones are forgotten. */
  replaceRules(rules: MaskRules): void {
    this.#rules = rules;
    this.#plans = new WeakMap();
  }

  get rules(): MaskRules {
    return this.#rules;
  }

  planFor(shape: Shape): Plan {
    let plan = this.#plans.get(shape);
    if (!plan) {
      plan = compilePlan(this.#rules, shape);
      this.#plans.set(shape, plan);
    }
    return plan;
  }

  /** The rows with every sensitive value replaced; the same buffer when nothing had to be. */
  rows(rows: Rows): Masked {
    const plan = this.planFor(rows.shape);
    if (plan.blockedBy !== undefined) {
      throw refuse('SCRIM_GUARD_BLOCKED', {
        message: 'the result is computed from a masked column',
        hint: 'select the columns themselves; they come back masked',
        rule: plan.blockedBy,
      });
    }
    const suspicious =
      plan.anySuspect && this.#rules.scanner?.mayContain(rows.bytes, 0, rows.bytes.length) === true;
    if (!suspicious && !plan.anyAlways) return { bytes: rows.bytes, largestValue: 0, found: NOTHING };
    this.#plan = plan;
    this.#largest = 0;
    this.#found = [];
    const bytes = rows.rewrite(suspicious ? plan.suspect : plan.always, this.#visit);
    return { bytes, largestValue: this.#largest, found: this.#found };
  }

  /** A text with every finding replaced; the same string when there is none. `place` is for the masking event. */
  text(text: string, place: string, key?: string): string {
    const { scanner } = this.#rules;
    if (!scanner || text.length === 0) return text;
    const findings = scanner.find(text, key);
    if (findings.length === 0) return text;
    let out = '';
    let from = 0;
    for (const finding of findings) {
      const value = text.slice(finding.start, finding.end);
      out += text.slice(from, finding.start) + this.#replace(finding.detector, value, place);
      from = finding.end;
    }
    return out + text.slice(from);
  }

  /**
   * Error, notice and notification texts. Where the statement in flight can reach a masked column, entries that quote
   * data are replaced whole: an error prints the very value that was refused (a cast, a constraint's row).
   */
  fields(fields: Fields): Buffer | undefined {
    const sensitive = reachable(this.#rules.columns, fields.reach);
    let changed = false;
    const values = fields.entries.map((entry) => {
      const hide = sensitive !== undefined && entry.quotesData && entry.value.length > 0;
      if (hide) this.#onHit(sensitive.rule, `message.${entry.name}`);
      const value = hide
        ? (sensitive.operator.apply('', { type: 'text' }) ?? '***MASKED***')
        : this.text(entry.value, `message.${entry.name}`);
      if (value !== entry.value) changed = true;
      return value;
    });
    return changed ? fields.rewrite(values) : undefined;
  }

  #replace(detector: string, value: string, place: string): string {
    if (this.#rules.watched.has(detector) && !this.#found.includes(detector)) this.#found.push(detector);
    const rule = this.#rules.content.get(detector);
    if (!rule) return value;
    const replacement = rule.operator.apply(value, { type: 'text', detector });
    if (replacement !== value) this.#onHit(rule.id, place);
    return replacement ?? '';
  }

  #maskCell(cell: Cell): Replacement {
    const plan = this.#plan as Plan;
    const column = plan.shape.columns[cell.column] as Column;
    this.#largest = Math.max(this.#largest, cell.end - cell.start);
    const action = plan.actions[cell.column];
    if (action) {
      const value = cell.text();
      const replacement = action.operator.apply(value, {
        type: column.type,
        ...(column.maxLength === undefined ? {} : { maxLength: column.maxLength }),
      });
      if (replacement === value) return undefined;
      this.#onHit(action.rule, action.place);
      return replacement;
    }
    if (column.type === 'json' && this.#rules.fields.length > 0) {
      const value = cell.text();
      const masked = this.#maskJson(value, this.#rules.fields, column.name);
      return masked === value ? undefined : masked;
    }
    return this.#maskContent(cell, column);
  }

  #maskJson(value: string, rules: readonly FieldRule[], place: string): string {
    try {
      return maskJson(
        value,
        rules,
        (rule) => this.#onHit(rule, place),
        (leaf, key) => this.text(leaf, place, key),
      );
    } catch (error) {
      if (!(error instanceof JsonShapeError)) throw error;
      throw refuse('SCRIM_UNMASKABLE', { hint: `leave column "${place}" out of the query`, cause: error });
    }
  }

  #maskContent(cell: Cell, column: Column): Replacement {
    const { scanner } = this.#rules;
    if (!scanner || !column.textual) return undefined;
    const key = column.name;
    if (scanner.findInBytes(cell.bytes, cell.start, cell.end, key).length === 0) return undefined;
    const value = cell.text();
    const masked = column.type === 'json' ? this.#maskJson(value, [], key) : this.text(value, key, key);
    return masked === value ? undefined : masked;
  }
}
