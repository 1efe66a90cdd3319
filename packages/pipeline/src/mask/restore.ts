/** Values a session remembers; what comes after them stays a token. */
const MOST_VALUES = 10_000;
/** Characters of one value; a longer one may be known only in part (see the text masker) and is not given back. */
const LONGEST_VALUE = 4096;

/** A keyed token, as far as it goes: what may follow is more of its body, or the tail of an email address. */
const TOKEN = /tok_7[a-z2-7]{10,47}/gi;
const TAIL = '@masked.invalid';
/** Characters of a token with its tail, and room to spare. */
const LONGEST_TOKEN = 80;
/** What may still become a token at the end of a text. */
const BEGINNING = /(?:t|to|tok|tok_|tok_7[a-z2-7]{0,47}|tok_7[a-z2-7]{10,47}@[a-z.]{0,14})$/i;

/**
 * Gives a caller back what its own request was tokenised from: a model was shown `tok_7…` and repeats it. Only values
 * this very session sent are known here, so no caller can have another's token opened. Originals live in memory for as
 * long as the session, and leave only towards its caller.
 */
export class Restorer {
  readonly #values = new Map<string, string>();
  readonly #held = new Map<string, string>();

  /** Takes note of a token and what it stands for; the first spelling of a value counts. */
  remember(token: string, value: string): void {
    const key = keyOf(token);
    if (key === undefined || value.length > LONGEST_VALUE || this.#values.size >= MOST_VALUES) return;
    if (!this.#values.has(key)) this.#values.set(key, value);
  }

  /** False as long as nothing was tokenised: texts need not pass here then. */
  get knows(): boolean {
    return this.#values.size > 0;
  }

  /**
   * The next piece of a channel's text with every known token replaced. What may be the beginning of one is kept until
   * the next piece, at most a token's length. `json` = the text is JSON, and a value is written into it as one.
   */
  push(lane: number, channel: number, text: Uint8Array, last: boolean, json: boolean): Uint8Array {
    const key = `${lane}/${channel}`;
    const before = this.#held.get(key);
    if (before === undefined && text.length === 0) return text;
    // Letters beyond ASCII cannot be part of a token: as single bytes they pass this way unchanged.
    const whole = (before ?? '') + Buffer.from(text).toString('latin1');
    const keep = last ? '' : (BEGINNING.exec(whole.slice(-LONGEST_TOKEN))?.[0] ?? '');
    if (keep === '') this.#held.delete(key);
    else this.#held.set(key, keep);
    const said = whole.slice(0, whole.length - keep.length);
    const shown = this.#restored(said, json);
    return before === undefined && keep === '' && shown === said ? text : Buffer.from(shown, 'latin1');
  }

  /** The lane's texts go no further. */
  forget(lane: number): void {
    for (const key of this.#held.keys()) if (key.startsWith(`${lane}/`)) this.#held.delete(key);
  }

  #restored(text: string, json: boolean): string {
    let out = '';
    let from = 0;
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      const value = this.#values.get(token.toLowerCase());
      if (value === undefined) continue;
      const end = index + token.length;
      const tail = text.slice(end, end + TAIL.length).toLowerCase() === TAIL ? TAIL.length : 0;
      const written = json ? JSON.stringify(value).slice(1, -1) : value;
      out += text.slice(from, index) + Buffer.from(written).toString('latin1');
      from = end + tail;
    }
    return from === 0 ? text : out + text.slice(from);
  }
}

/** Models drop the tail of an email-like token, and change the case of its letters. */
function keyOf(token: string): string | undefined {
  const bare = token.endsWith(TAIL) ? token.slice(0, -TAIL.length) : token;
  return /^tok_7[a-z2-7]{10,47}$/.test(bare) ? bare : undefined;
}
