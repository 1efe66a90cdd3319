import {
  type ByteMasker,
  createJsonMasker,
  createTextMasker,
  type FieldRule,
  FieldTextError,
  type Finding,
  JsonShapeError,
  jsonStringView,
  maskJson,
  type Operator,
  type Scanner,
} from '@scrim/masking';
import { refuse } from '@scrim/model';
import type {
  Cell,
  CellPart,
  Column,
  FieldEntry,
  Fields,
  Replacement,
  Rows,
  Scratch,
  Shape,
  TextForm,
  Texts,
} from '@scrim/protocol-kit';
import { Blobs } from './blobs.ts';
import { Channels } from './channels.ts';
import { applyTo, compilePlan, type MaskRules, type Plan, type PlannedAction, reachable } from './plan.ts';
import type { Restorer } from './restore.ts';

/** What a masking pass made, and what it met that a response rule may ask about. */
export interface Masked {
  readonly bytes: Buffer;
  /** Bytes of the largest single value, where a rule asks; else 0. */
  readonly largestValue: number;
  /** Detectors that found something, of those a rule asks about. */
  readonly found: readonly string[];
  /** What the caller is shown in place of `bytes`, which go to the record: tokens are values again. */
  readonly restored?: Buffer;
}

const NOTHING: readonly string[] = [];

/** Runs of a result with findings that are looked at cell by cell at once. */
const LOOK_AGAIN = 16;

/** Shared by all sessions: what is gathered is read before anything else can run. */
const scratch: Scratch = { bytes: Buffer.allocUnsafe(128 * 1024) };
const BACKSLASH = 0x5c;
const BEYOND_LATIN1 = /[\u0100-\uffff]/;
const HEX = /^\\x(?:[0-9a-fA-F]{2})*$/;
const JSON_NUMBER = /^-?\d+(?:\.\d+)?$/;

/** Where values that were tokenised towards a target are kept for their caller. */
export interface Restoring {
  readonly restorer: Restorer;
  /** True for what the caller sends: remembers. Else gives back. */
  readonly sent: boolean;
}

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
  readonly #remembers: Restorer | undefined;
  readonly #restorer: Restorer | undefined;
  #plan: Plan | undefined;
  #largest = 0;
  /** The result whose last run had findings, and how many runs went by since it was last looked at as a whole. */
  #dirty: Plan | undefined;
  #dirtyRuns = 0;
  #found: string[] = [];
  readonly #blobs = new Blobs();
  readonly #channels = new Channels({
    found: (detector, value, place) => this.#replace(detector, value, place),
    leaf: (value, key, place) => this.text(value, place, key),
    hit: (rule, place) => this.#onHit(rule, place),
  });
  readonly #visit = (cell: Cell): Replacement => this.#maskCell(cell);

  constructor(rules: MaskRules, onHit: OnHit, restoring?: Restoring) {
    this.#rules = rules;
    this.#onHit = onHit;
    if (restoring?.sent) this.#remembers = restoring.restorer;
    else this.#restorer = restoring?.restorer;
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
    const suspicious = plan.anySuspect && this.#maySay(plan, rows);
    if (!suspicious && !plan.anyAlways) return { bytes: rows.bytes, largestValue: 0, found: NOTHING };
    this.#plan = plan;
    this.#largest = 0;
    this.#found = [];
    const bytes = rows.rewrite(suspicious ? plan.suspect : plan.always, this.#visit);
    return { bytes, largestValue: this.#largest, found: this.#found };
  }

  /**
   * Texts that flow, each continuing its channel: what of them is decided, in the same message. `original` itself when
   * every text leaves as it came.
   */
  texts(lane: number, texts: Texts, original: Buffer): Masked {
    this.#largest = 0;
    this.#found = [];
    let changed = false;
    const shown = texts.pieces.map((piece) => {
      if (this.#rules.measuresBlobs) this.#largest = Math.max(this.#largest, this.#blobs.of(lane, piece));
      const text = this.#unlessUnreadable(() => this.#channels.push(lane, piece, this.#rules));
      if (Buffer.compare(text, piece.bytes) !== 0) changed = true;
      return text;
    });
    const restored = this.#restored(lane, texts, shown);
    const bytes = changed || texts.always || restored ? texts.rewrite(shown) : original;
    const masked = { bytes, largestValue: this.#largest, found: this.#found };
    return restored ? { ...masked, restored } : masked;
  }

  /** The message with the caller's own values where they were tokenised; undefined while none was. */
  #restored(lane: number, texts: Texts, shown: readonly Uint8Array[]): Buffer | undefined {
    const restorer = this.#restorer;
    if (!restorer?.knows) return undefined;
    return texts.rewrite(
      texts.pieces.map(({ channel, form, last }, at) =>
        restorer.push(lane, channel, shown[at] as Uint8Array, last, form === 'json'),
      ),
    );
  }

  /** Whether a channel of the lane holds something back. */
  holds(lane: number, channel: number): boolean {
    return this.#channels.holds(lane, channel);
  }

  /** The lane's texts go no further: what is held of them is dropped. */
  forget(lane: number): void {
    this.#channels.forget(lane);
    this.#restorer?.forget(lane);
    this.#blobs.forget(lane);
  }

  /** What may be shown of a channel's held tail now that it fell silent; undefined for nothing. */
  release(lane: number, channel: number): Masked | undefined {
    this.#largest = 0;
    this.#found = [];
    const bytes = this.#channels.release(lane, channel);
    if (!bytes || bytes.length === 0) return undefined;
    return { bytes: Buffer.from(bytes), largestValue: 0, found: this.#found };
  }

  /** A whole text of a form, masked by place and content. */
  whole(text: string, place: string, form: TextForm): string {
    if (form !== 'json') return this.text(text, place);
    const { scanner } = this.#rules;
    return this.#unlessUnreadable(() => {
      // Not the walk over one document: a body may hold several (NDJSON).
      const masker = createJsonMasker({
        fields: this.#rules.fields,
        onHit: (rule) => this.#onHit(rule, place),
        ...(scanner && { leaf: (leaf, name) => this.text(leaf, place, name), scanner }),
        ...(scanner && { stream: () => this.#inside(scanner, place) }),
      });
      const shown = masker.push(Buffer.from(text));
      return Buffer.concat([shown, masker.flush()]).toString('utf8');
    });
  }

  #inside(scanner: Scanner, place: string): ByteMasker {
    const replace = (detector: string, value: string) => this.#replace(detector, value, place);
    return createTextMasker({ scanner, replace, view: jsonStringView });
  }

  #unlessUnreadable<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof FieldTextError) {
        throw refuse('SCRIM_UNMASKABLE', {
          message: `a text cannot be masked: ${error.message}`,
          cause: error,
        });
      }
      if (!(error instanceof JsonShapeError)) throw error;
      throw refuse('SCRIM_UNMASKABLE', { hint: 'only well-formed JSON can be masked', cause: error });
    }
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
  fields(fields: Fields, original: Buffer): Masked {
    const sensitive = reachable(this.#rules, fields.reach);
    this.#largest = 0;
    this.#found = [];
    let changed = false;
    const values = fields.entries.map((entry) => {
      this.#largest = Math.max(this.#largest, Buffer.byteLength(entry.value));
      const place = fields.headers ? `header.${entry.name.toLowerCase()}` : `message.${entry.name}`;
      const shown = this.#header(fields, entry, place) ?? this.text(entry.value, place);
      const hide = sensitive !== undefined && entry.quotesData && entry.value.length > 0;
      if (hide) this.#onHit(sensitive.rule, place);
      const value = hide ? (sensitive.operator.apply('', { type: 'text' }) ?? '***MASKED***') : shown;
      if (value !== entry.value) changed = true;
      return value;
    });
    const bytes = changed ? fields.rewrite(values) : original;
    return { bytes, largestValue: this.#largest, found: this.#found };
  }

  /** A header's value under its rule; undefined where none is written for it. */
  #header(fields: Fields, { name, value }: FieldEntry, place: string): string | undefined {
    const rule = fields.headers && this.#rules.headers.find(({ matcher }) => matcher.matches(name));
    if (!rule) return undefined;
    this.#onHit(rule.id, place);
    return rule.operator.apply(value, { type: 'text' }) ?? '';
  }

  /**
   * Whether some cell of the run may hold a finding; false only when none does. Three looks, each only when the one
   * before was not enough: the prefilter over the texts, then the detectors over all texts as lines of one, then (by the
   * caller) the detectors cell by cell. A run that had findings makes the next one skip the second look.
   */
  #maySay(plan: Plan, rows: Rows): boolean {
    const { scanner } = this.#rules;
    if (!scanner) return false;
    const length = rows.gather(plan.scanned, scratch);
    const { bytes } = scratch;
    if (plan.anyJson) {
      // JSON spells any character as an escape, and detectors read bytes.
      const backslash = bytes.indexOf(BACKSLASH);
      if (backslash !== -1 && backslash < length) return true;
    }
    if (!scanner.mayContain(bytes, 0, length)) return false;
    if (this.#dirty === plan && ++this.#dirtyRuns < LOOK_AGAIN) return true;
    const found = scanner.findInBytes(bytes, 0, length).length > 0;
    this.#dirty = found ? plan : undefined;
    this.#dirtyRuns = 0;
    return found;
  }

  #replace(detector: string, value: string, place: string): string {
    if (this.#rules.watched.has(detector) && !this.#found.includes(detector)) this.#found.push(detector);
    const rule = this.#rules.content.get(detector);
    if (!rule) return value;
    const replacement = rule.operator.apply(value, { type: 'text', detector });
    if (replacement !== value) this.#onHit(rule.id, place);
    if (rule.restores && replacement !== null) this.#remembers?.remember(replacement, value);
    return replacement ?? '';
  }

  #maskCell(cell: Cell): Replacement {
    const plan = this.#plan as Plan;
    const column = plan.shape.columns[cell.column] as Column;
    const part = cell.part ?? null;
    this.#largest = Math.max(this.#largest, part ? part.whole : cell.end - cell.start);
    const action = plan.actions[cell.column];
    if (part) return this.#maskPart(cell, part, column, action, plan.keys[cell.column] as string);
    if (action) {
      if (action.constant !== undefined) {
        this.#onHit(action.rule, action.place);
        return action.constant;
      }
      const value = cell.text();
      const replacement = applyTo(action.operator, value, column);
      if (replacement === value) return undefined;
      this.#onHit(action.rule, action.place);
      return replacement;
    }
    const key = plan.keys[cell.column] as string;
    if (column.type === 'json' && this.#rules.fields.length > 0) {
      const value = cell.text();
      const masked = this.#maskJson(value, this.#rules.fields, column, key);
      return masked === value ? undefined : masked;
    }
    return this.#maskContent(cell, column, key);
  }

  /** One of the values a cell is made of meets the rules as a column of its own type would. */
  #maskPart(
    cell: Cell,
    part: CellPart,
    whole: Column,
    action: PlannedAction | undefined,
    key: string,
  ): Replacement {
    const column = { ...whole, ...part, name: part.key ?? whole.name };
    if (action) {
      const value = cell.text();
      const replacement = applyTo(action.operator, value, column);
      if (replacement === value) return undefined;
      this.#onHit(action.rule, action.place);
      return replacement;
    }
    const { fields } = this.#rules;
    const own = part.key ?? key;
    if (part.type === 'json' && fields.length > 0) {
      const value = cell.text();
      const masked = this.#maskJson(value, fields, column, own);
      return masked === value ? undefined : masked;
    }
    if (part.key !== null && fields.length > 0) {
      const value = cell.text();
      const masked = this.#maskNamed(part.key, value, column);
      if (masked !== value) return masked;
    }
    return this.#maskContent(cell, column, own);
  }

  /** A value under a name inside a cell: what a field rule says of a JSON object with that name holds for it. */
  #maskNamed(key: string, value: string, column: Column): Replacement {
    for (const rule of this.#rules.fields) {
      let hit = false;
      maskJson(JSON.stringify({ [key]: '' }), [rule], () => {
        hit = true;
      });
      if (!hit) continue;
      this.#onHit(rule.rule, key);
      return applyTo(rule.operator, value, column);
    }
    return value;
  }

  #maskContent(cell: Cell, column: Column, key: string): Replacement {
    const { scanner } = this.#rules;
    if (!scanner || !column.textual) return undefined;
    if (column.type === 'bytes') return this.#maskBytes(cell, column, key);
    const findings = scanner.findInBytes(cell.bytes, cell.start, cell.end, key);
    const escaped = column.type === 'json' && hasByte(cell, BACKSLASH);
    if (findings.length === 0 && !escaped) return undefined;
    const value = cell.text();
    if (column.type === 'json') {
      const masked = this.#maskJson(value, [], column, key);
      return masked === value ? undefined : masked;
    }
    const masked = this.text(value, key, key);
    if (masked !== value) return masked;
    // The bytes held something the canonical text does not show: cover the value rather than believe the text.
    return this.#coverFindings(this.#unsettled(findings, cell), value, column, key);
  }

  /** Findings in the cell's bytes that are not masks already (a value saved masked). */
  #unsettled(findings: readonly Finding[], cell: Cell): readonly Finding[] {
    return findings.filter(({ start, end, detector }) => {
      const rule = this.#rules.content.get(detector);
      return rule && !isSettled(rule.operator, cell.bytes.toString('utf8', start, end), detector);
    });
  }

  /** Binary values are shown as hex (`\x6869`), which no detector reads: what the bytes say is what counts. */
  #maskBytes(cell: Cell, column: Column, key: string): Replacement {
    const findings = this.#rules.scanner?.findInBytes(cell.bytes, cell.start, cell.end, key) ?? [];
    const isHex = cell.bytes[cell.start] === BACKSLASH;
    if (findings.length === 0 && !isHex) return undefined;
    const value = cell.text();
    // latin1 gives each byte a character of its own, so what is not text survives.
    const said = HEX.test(value) ? Buffer.from(value.slice(2), 'hex').toString('latin1') : value;
    const masked = this.text(said, key, key);
    if (masked === said || (said !== value && BEYOND_LATIN1.test(masked))) {
      return this.#coverFindings(findings, value, column, key);
    }
    return said === value ? masked : `\\x${Buffer.from(masked, 'latin1').toString('hex')}`;
  }

  #coverFindings(findings: readonly Finding[], value: string, column: Column, key: string): Replacement {
    for (const { detector } of findings) {
      const whole = this.#coverWhole(detector, value, column, key);
      if (whole !== value) return whole;
    }
    return undefined;
  }

  #maskJson(value: string, rules: readonly FieldRule[], column: Column, key: string): string | null {
    const { scanner } = this.#rules;
    let masked: string;
    try {
      masked = maskJson(
        value,
        rules,
        (rule) => this.#onHit(rule, key),
        scanner && column.textual ? (leaf, name) => this.text(leaf, key, name ?? undefined) : undefined,
      );
    } catch (error) {
      if (!(error instanceof JsonShapeError)) throw error;
      throw refuse('SCRIM_UNMASKABLE', {
        hint: `leave column "${column.name}" out of the query`,
        cause: error,
      });
    }
    return scanner && column.textual ? this.#settleJson(masked, column, key) : masked;
  }

  /**
   * What the detectors find in the whole document and the walk over its leaves did not settle: a short number under a
   * telling key becomes 0, anything else covers the document.
   */
  #settleJson(text: string, column: Column, key: string): string | null {
    let out = '';
    let from = 0;
    for (const { start, end, detector } of this.#rules.scanner?.find(text, key) ?? []) {
      const value = text.slice(start, end);
      const rule = this.#rules.content.get(detector);
      if (!rule) {
        this.#replace(detector, value, key);
        continue;
      }
      if (value === '0' || isSettled(rule.operator, value, detector)) continue;
      if (!JSON_NUMBER.test(value)) return this.#coverWhole(detector, text, column, key);
      this.#onHit(rule.id, key);
      out += `${text.slice(from, start)}0`;
      from = end;
    }
    return from === 0 ? text : out + text.slice(from);
  }

  #coverWhole(detector: string, value: string, column: Column, place: string): string | null {
    const rule = this.#rules.content.get(detector);
    if (!rule) return value;
    const replacement = applyTo(this.#rules.cover, value, column);
    if (replacement !== value) this.#onHit(rule.id, place);
    return replacement;
  }
}

/** Whether a finding is a mask already: the operator leaves it as it is, with or without its key's quotes. */
function isSettled(operator: Operator, value: string, detector: string): boolean {
  const bare = value.replace(/^"+|"+$/g, '');
  if (bare === '' || bare === 'null') return true;
  return operator.apply(bare, { type: 'text', detector }) === bare;
}

function hasByte(cell: Cell, byte: number): boolean {
  const at = cell.bytes.indexOf(byte, cell.start);
  return at >= 0 && at < cell.end;
}
