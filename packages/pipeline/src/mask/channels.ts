import {
  type ByteMasker,
  createCsvMasker,
  createFormMasker,
  createJsonMasker,
  createTerminalMasker,
  createTextMasker,
  createXmlMasker,
  type FieldTextOptions,
  jsonStringView,
  type Scanner,
  type TerminalMasker,
  type TextView,
} from '@scrim/masking';
import type { Piece, TextForm } from '@scrim/protocol-kit';
import type { MaskRules } from './plan.ts';

/** Bytes after which a channel that always holds something back is masked by new rules all the same. */
const OLD_RULES_BYTES = 64 * 1024;

/** What channels ask of the masker of values. */
export interface ValueMask {
  /** What stands in place of a finding, or null to leave it. */
  found(detector: string, value: string, place: string): string | null;
  /** A JSON leaf with its findings replaced. */
  leaf(value: string, key: string | undefined, place: string): string;
  /** A field rule replaced a value. */
  hit(rule: string, place: string): void;
}

interface Channel {
  readonly rules: MaskRules;
  readonly masker: ByteMasker;
  /** Bytes taken since other rules came. */
  overdue: number;
}

/** The maskers of the text channels one session has under way, each keeping its undecided tail. */
export class Channels {
  readonly #values: ValueMask;
  readonly #open = new Map<string, Channel>();

  constructor(values: ValueMask) {
    this.#values = values;
  }

  /** What is decided of the channel's text with this piece. Throws what the form's masker throws. */
  push(lane: number, piece: Piece, rules: MaskRules): Uint8Array {
    const key = `${lane}/${piece.channel}`;
    const known = this.#open.size === 0 ? undefined : this.#open.get(key);
    if (!known && piece.last) return this.#whole(piece, rules);
    // Between two rules a value could lie half here, half there: the old ones go on until nothing is held back.
    const outdated = known !== undefined && known.rules !== rules;
    const keep = known && !(outdated && (known.masker.held === 0 || known.overdue > OLD_RULES_BYTES));
    const before = known && !keep ? known.masker.flush() : undefined;
    const channel = keep ? known : { rules, masker: this.#masker(piece, rules), overdue: 0 };
    if (channel !== known) this.#open.set(key, channel);
    if (outdated) channel.overdue += piece.bytes.length;
    if (piece.screen && 'resize' in channel.masker) {
      (channel.masker as TerminalMasker).resize(piece.screen.columns, piece.screen.rows);
    }
    const shown = channel.masker.push(piece.bytes);
    const parts = before ? [before, shown] : [shown];
    if (piece.last) {
      parts.push(channel.masker.flush());
      this.#open.delete(key);
    }
    const filled = parts.filter((it) => it.length > 0);
    return filled.length === 1 ? (filled[0] as Uint8Array) : Buffer.concat(filled);
  }

  /** A text that comes in one piece opens no channel. */
  #whole(piece: Piece, rules: MaskRules): Uint8Array {
    const masker = this.#masker(piece, rules);
    const shown = masker.push(piece.bytes);
    const rest = masker.flush();
    if (rest.length === 0) return shown;
    return shown.length === 0 ? rest : Buffer.concat([shown, rest]);
  }

  /** Drops what is held of every channel of the lane. */
  forget(lane: number): void {
    for (const key of this.#open.keys()) if (key.startsWith(`${lane}/`)) this.#open.delete(key);
  }

  /** What may be shown of a channel that fell silent. */
  release(lane: number, channel: number, typed?: Uint8Array): Uint8Array | undefined {
    return this.#open.get(`${lane}/${channel}`)?.masker.release(typed);
  }

  /** Whether the channel holds something back. */
  holds(lane: number, channel: number): boolean {
    return (this.#open.get(`${lane}/${channel}`)?.masker.held ?? 0) > 0;
  }

  #masker({ form, name, screen }: Piece, rules: MaskRules): ByteMasker {
    const values = this.#values;
    if (form === 'json') {
      return createJsonMasker({
        fields: rules.fields,
        onHit: (rule) => values.hit(rule, name),
        ...(rules.scanner && {
          leaf: (value, key) => values.leaf(value, key, name),
          scanner: rules.scanner,
          stream: () => this.#text(rules.scanner as Scanner, name, jsonStringView),
        }),
      });
    }
    const fieldForm = FIELD_FORMS[form];
    // The walk over fields refuses what it cannot read; where only the credential is looked for, nothing asks for that.
    if (fieldForm && rules.inspects && (rules.scanner || rules.fields.length > 0)) {
      return fieldForm({
        fields: rules.fields,
        onHit: (rule) => values.hit(rule, name),
        ...(rules.scanner && { leaf: (value, key) => values.leaf(value, key, name) }),
      });
    }
    if (!rules.scanner) return PASSING;
    if (form === 'terminal') {
      const replace = (detector: string, value: string) => values.found(detector, value, name);
      return createTerminalMasker({ scanner: rules.scanner, replace, ...screen });
    }
    return this.#text(rules.scanner, name);
  }

  #text(scanner: Scanner, name: string, view?: TextView): ByteMasker {
    const replace = (detector: string, value: string) => this.#values.found(detector, value, name);
    return createTextMasker({ scanner, replace, ...(view && { view }) });
  }
}

/** Forms whose values stand under names. */
const FIELD_FORMS: Partial<Record<TextForm, (options: FieldTextOptions) => ByteMasker>> = {
  form: createFormMasker,
  csv: createCsvMasker,
  xml: createXmlMasker,
};

const NOTHING = new Uint8Array(0);

/** For forms without fields where no rule looks at content. */
const PASSING: ByteMasker = {
  held: 0,
  push: (chunk) => chunk,
  flush: () => NOTHING,
  release: () => NOTHING,
};
