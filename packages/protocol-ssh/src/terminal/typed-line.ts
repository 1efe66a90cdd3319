/** What one key did to a line that is being typed. */
export type KeyEffect =
  /** The line is known, or was unknown before. */
  | 'edited'
  /** The target alone knows what the line is now (recall, completion, keys with other meanings). */
  | 'foreign'
  /** The target may run the line, or something else, at this key. */
  | 'runs'
  /** The line is given up (Ctrl-C). */
  | 'dropped';

const WORD = /[\p{L}\p{N}]/u;

/**
 * A line as the keys alone make it, by the bindings bash, zsh and the terminal driver share. Everything else makes it
 * foreign; whether the keys meant what they usually mean is checked against the screen.
 */
export class TypedLine {
  private letters: string[] = [];
  private at = 0;
  private killed: string[] = [];
  foreign = false;
  /** The screen does not show the line either: a search draws its own, a signal key may or may not have ended it. */
  untold = false;

  get text(): string {
    return this.letters.join('');
  }

  get empty(): boolean {
    return this.letters.length === 0 && !this.foreign;
  }

  reset(): void {
    this.letters = [];
    this.at = 0;
    this.foreign = false;
    this.untold = false;
  }

  insert(letter: string): void {
    this.letters.splice(this.at, 0, letter);
    this.at += 1;
  }

  /** A control character. */
  control(code: number): KeyEffect {
    switch (code) {
      case 0x0a:
      case 0x0d:
      case 0x0f:
      case 0x18:
        return 'runs';
      case 0x04:
        // End of file hands a line without its Enter to a program that reads lines.
        return this.empty ? 'edited' : 'runs';
      case 0x03:
        return 'dropped';
      case 0x12:
      case 0x13:
      case 0x16:
        return this.hide();
      case 0x1a:
      case 0x1c:
        // A shell may ignore them, and the line is still there.
        return this.empty ? 'edited' : this.hide();
      case 0x01:
        return this.go(0);
      case 0x05:
        return this.go(this.letters.length);
      case 0x02:
        return this.go(this.at - 1);
      case 0x06:
        return this.go(this.at + 1);
      case 0x08:
      case 0x7f:
        return this.cut(this.at - 1, this.at, false);
      case 0x0b:
        return this.cut(this.at, this.letters.length, true);
      case 0x15:
        return this.cut(0, this.at, true);
      case 0x17:
        return this.cut(this.blankWordStart(), this.at, true);
      case 0x19:
        for (const letter of this.killed) this.insert(letter);
        return 'edited';
      case 0x0c:
      case 0x07:
      case 0x11:
        return 'edited';
      default:
        return this.lost();
    }
  }

  /** What follows ESC: a cursor key (`[D`), or a letter typed with Alt. */
  escape(keys: string): KeyEffect {
    switch (keys) {
      case '[D':
      case 'OD':
        return this.go(this.at - 1);
      case '[C':
      case 'OC':
        return this.go(this.at + 1);
      case '[H':
      case 'OH':
      case '[1~':
        return this.go(0);
      case '[F':
      case 'OF':
      case '[4~':
        return this.go(this.letters.length);
      case '[3~':
        return this.cut(this.at, this.at + 1, false);
      case '[200~':
      case '[201~':
        return 'edited';
      case 'b':
      case 'f':
      case 'd':
      case '\x7f':
        return this.word(keys);
      default:
        // Recall, completion, case and arguments of earlier lines end here; other letters may run something (Alt-a in
        // zsh, `v` in vi mode).
        if (/^[0-9np-]$/.test(keys)) return this.hide();
        return /^(?:\[|O|[.<>_~*?=ulctyr]$)/.test(keys) ? this.lost() : 'runs';
    }
  }

  lost(): KeyEffect {
    this.foreign = true;
    return 'foreign';
  }

  private hide(): KeyEffect {
    this.untold = true;
    return this.lost();
  }

  private go(to: number): KeyEffect {
    this.at = Math.min(Math.max(to, 0), this.letters.length);
    return 'edited';
  }

  private cut(from: number, to: number, keep: boolean): KeyEffect {
    const start = Math.max(0, from);
    const gone = this.letters.splice(start, Math.max(0, to - start));
    if (keep && gone.length > 0) this.killed = gone;
    if (start < this.at) this.at = start;
    return 'edited';
  }

  private word(key: string): KeyEffect {
    const isWord = (index: number) => WORD.test(this.letters[index] ?? '');
    let to = this.at;
    if (key === 'b' || key === '\x7f') {
      while (to > 0 && !isWord(to - 1)) to -= 1;
      while (to > 0 && isWord(to - 1)) to -= 1;
      return key === 'b' ? this.go(to) : this.cut(to, this.at, true);
    }
    while (to < this.letters.length && !isWord(to)) to += 1;
    while (to < this.letters.length && isWord(to)) to += 1;
    return key === 'f' ? this.go(to) : this.cut(this.at, to, true);
  }

  private blankWordStart(): number {
    let to = this.at;
    while (to > 0 && this.letters[to - 1] === ' ') to -= 1;
    while (to > 0 && this.letters[to - 1] !== ' ') to -= 1;
    return to;
  }
}
