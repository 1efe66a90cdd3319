import { OperatorError } from './types.ts';

type Piece = { readonly text: string } | { readonly placeholder: 'type' | 'detector' | 'hash' };

/** What fills a template's placeholders. */
export interface TemplateValues {
  readonly type: string;
  readonly detector: string;
  /** Asked for only when the template has `{hash}`. */
  readonly hash: () => string;
}

/** A parsed redact template. */
export class RedactTemplate {
  readonly #pieces: readonly Piece[];
  /** The whole text when it has no placeholders. */
  readonly literal: string | undefined;

  /** @throws OperatorError on an empty, overlong or unreadable template. */
  constructor(template: unknown) {
    this.#pieces = parse(template);
    this.literal = this.#pieces.every((piece) => 'text' in piece) ? (template as string) : undefined;
  }

  render(values: TemplateValues): string {
    if (this.literal !== undefined) return this.literal;
    return this.#pieces
      .map((piece) => ('text' in piece ? piece.text : fill(piece.placeholder, values)))
      .join('');
  }

  /**
   * Whether `text` is this template filled with the given type and detector and, at `{hash}`, with
   * tokens that `isHash` accepts. Type and detector are compared, not guessed: a caller could
   * otherwise hide a secret in their place.
   */
  wrote(
    text: string,
    values: Omit<TemplateValues, 'hash'>,
    hashLength: number,
    isHash: (text: string) => boolean,
  ): boolean {
    let at = 0;
    for (const piece of this.#pieces) {
      if ('placeholder' in piece && piece.placeholder === 'hash') {
        if (!isHash(text.slice(at, at + hashLength))) return false;
        at += hashLength;
        continue;
      }
      const part = 'text' in piece ? piece.text : values[piece.placeholder as 'type' | 'detector'];
      if (!text.startsWith(part, at)) return false;
      at += part.length;
    }
    return at === text.length;
  }
}

function fill(placeholder: 'type' | 'detector' | 'hash', values: TemplateValues): string {
  return placeholder === 'hash' ? values.hash() : values[placeholder];
}

const FIELD = 'redact.template';

function parse(template: unknown): Piece[] {
  if (typeof template !== 'string' || template === '' || template.length > 256) {
    throw new OperatorError(FIELD, 'is not a text of 1 to 256 characters', 'leave it out for ***MASKED***');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: PostgreSQL text cannot hold NUL, and the others break terminals and headers.
  if (/[\u0000-\u001f\u007f\u2028\u2029]/.test(template) || /\p{Surrogate}/u.test(template)) {
    throw new OperatorError(
      FIELD,
      'has a control character or half a character',
      'write it on one line, in plain text',
    );
  }
  const pieces: Piece[] = [];
  for (const part of template.split(/(\{[^{}]*\})/)) {
    if (part === '{type}') pieces.push({ placeholder: 'type' });
    else if (part === '{detector}') pieces.push({ placeholder: 'detector' });
    else if (part === '{hash}') pieces.push({ placeholder: 'hash' });
    else if (/[{}]/.test(part)) {
      throw new OperatorError(
        FIELD,
        `has ${JSON.stringify(part)}`,
        'use {type}, {detector} or {hash}, and no other braces',
      );
    } else if (part !== '') pieces.push({ text: part });
  }
  return pieces;
}
