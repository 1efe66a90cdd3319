const ESC = 0x1b;
const LONGEST_COLOUR = 64;
const TAB = 8;
/** Bytes of lines that are tried together at most, and again after a try that failed. */
const MOST = 32_768;
const LEAST = 256;

/**
 * Reads whole lines on which a terminal does nothing but write from left to right: text, colours (`ESC[…m`), and
 * `ESC[K`, which there erases nothing. What such lines show needs no screen. A line that reaches the margin, or has
 * any other control character in it, ends the run.
 */
export class ColouredLines {
  /** What the lines show, as the screen would say it: without colours, tabs as blanks, one line feed per line. */
  shown: Uint8Array = new Uint8Array(4096);
  private length = 0;
  private readonly rawEnds: number[] = [];
  private readonly shownEnds: number[] = [];
  private reach = LEAST;

  /** Reads lines from `at` on, which begins a line; returns how many bytes they show, 0 for no such line. */
  read(bytes: Uint8Array, at: number, columns: number): number {
    this.length = 0;
    this.rawEnds.length = 0;
    this.shownEnds.length = 0;
    for (let from = at; from < bytes.length && from - at < this.reach; ) {
      const start = this.length;
      const end = this.line(bytes, from, columns);
      if (end < 0) {
        this.length = start;
        break;
      }
      this.rawEnds.push(end);
      this.shownEnds.push(this.length);
      from = end;
    }
    return this.length;
  }

  /** Keeps the lines within the first `shown` bytes; returns how many bytes are left. */
  cut(shown: number): number {
    while (this.length > shown) {
      this.rawEnds.pop();
      this.shownEnds.pop();
      this.length = this.shownEnds.at(-1) ?? 0;
    }
    return this.length;
  }

  /** Where the last line ends. */
  get end(): number {
    return this.rawEnds.at(-1) ?? 0;
  }

  /** Lines that have values in them are tried few at a time: each try reads all of its lines. */
  learn(passed: boolean): void {
    this.reach = passed ? Math.min(MOST, this.reach * 4) : LEAST;
  }

  /** Adds what one line shows; returns where it ends, or -1. */
  private line(bytes: Uint8Array, from: number, columns: number): number {
    let column = 0;
    for (let i = from; i < bytes.length; ) {
      const byte = bytes[i] as number;
      if (byte >= 0x20) {
        if (byte === 0x7f || (byte === 0xc2 && ((bytes[i + 1] ?? 0x80) & 0xe0) === 0x80)) return -1;
        // Bytes are never fewer than columns: a line of other letters is taken for longer than it is.
        column += 1;
        if (column >= columns) return -1;
        this.add(byte);
        i += 1;
      } else if (byte === ESC) {
        i = colourEnd(bytes, i);
        if (i < 0) return -1;
      } else if (byte === 0x09) {
        const blanks = TAB - (column % TAB);
        column += blanks;
        if (column >= columns) return -1;
        for (let k = 0; k < blanks; k += 1) this.add(0x20);
        i += 1;
      } else if (byte === 0x0d && bytes[i + 1] === 0x0a) {
        this.add(0x0a);
        return i + 2;
      } else return -1;
    }
    return -1;
  }

  private add(byte: number): void {
    if (this.length === this.shown.length) {
      const grown = new Uint8Array(this.length * 2);
      grown.set(this.shown);
      this.shown = grown;
    }
    this.shown[this.length] = byte;
    this.length += 1;
  }
}

/** The end of `ESC[…m` or `ESC[K` at `at`, -1 for any other sequence. */
function colourEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at + 1] !== 0x5b) return -1;
  let i = at + 2;
  while (i < bytes.length && i - at < LONGEST_COLOUR) {
    const byte = bytes[i] as number;
    if (byte < 0x30 || byte > 0x3b) break;
    i += 1;
  }
  if (bytes[i] === 0x6d) return i + 1;
  const erases = bytes[i] === 0x4b && (i === at + 2 || (i === at + 3 && bytes[at + 2] === 0x30));
  return erases ? i + 1 : -1;
}
