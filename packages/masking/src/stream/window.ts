import type { TextView, UnitReader } from './text-view.ts';

const INITIAL = 4096;
/** Room of a buffer that takes piece after piece; more of it is cheaper still, and stays in memory with what was lent. */
const ROOM = 120 * 1024;

/** Bytes that grow at the end and are dropped at the front. */
class ByteQueue {
  bytes = new Uint8Array(INITIAL);
  length = 0;

  append(chunk: Uint8Array, from = 0, to = chunk.length): void {
    this.reserve(to - from);
    this.bytes.set(chunk.subarray(from, to), this.length);
    this.length += to - from;
  }

  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  drop(count: number): void {
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
    if (this.length < INITIAL && this.bytes.length > INITIAL * 64)
      this.bytes = this.bytes.slice(0, INITIAL * 4);
  }

  /** {@link drop} that leaves the bytes where they are for those who were lent a part of them. */
  renew(count: number): void {
    const kept = this.bytes.subarray(count, this.length);
    this.bytes = new Uint8Array(Math.max(INITIAL, kept.length * 2, Math.min(this.length * 2, ROOM)));
    this.bytes.set(kept);
    this.length = kept.length;
  }

  /** How many bytes fit without growing. */
  get room(): number {
    return this.bytes.length - this.length;
  }
}

/**
 * The part of a stream that is still looked at: the visible text, and for each of its bytes the raw bytes it came
 * from. Without a view the two are the same and no map is kept.
 */
export class StreamWindow {
  private readonly visible = new ByteQueue();
  private readonly raw = new ByteQueue();
  private readonly reader: UnitReader | null;
  /** Raw bounds of the unit each visible byte came from; only with a view. */
  private starts: number[] = [];
  private ends: number[] = [];
  /** Raw bytes already read into units. */
  private consumed = 0;
  /** Raw bytes already handed out. */
  private released = 0;

  constructor(view: TextView | undefined) {
    this.reader = view ? view.reader() : null;
  }

  get bytes(): Uint8Array {
    return this.visible.bytes;
  }

  get length(): number {
    return this.visible.length;
  }

  push(chunk: Uint8Array, final: boolean): void {
    if (!this.reader) {
      this.visible.append(chunk);
      return;
    }
    this.raw.append(chunk);
    const { reader } = this;
    while (this.consumed < this.raw.length) {
      const taken = reader.read(this.raw.bytes, this.consumed, this.raw.length, final);
      if (taken === 0) return;
      for (let i = 0; i < reader.count; i += 1) {
        this.starts.push(this.consumed);
        this.ends.push(this.consumed + taken);
      }
      this.visible.append(reader.visible, 0, reader.count);
      this.consumed += taken;
    }
  }

  /** Takes the text from `from` on out again. Only without a view. */
  takeBack(from: number): Uint8Array {
    const taken = this.visible.bytes.slice(from, this.visible.length);
    this.visible.length = from;
    return taken;
  }

  /**
   * Hands out what stands for visible[from, to), unchanged. Without a view it is lent, not copied: what was handed out
   * is never written again, because the window only grows behind it and moves to a new buffer when it is full.
   */
  copy(from: number, to: number, out: Uint8Array[]): void {
    if (!this.reader) {
      if (to > from) out.push(this.visible.bytes.subarray(from, to));
      return;
    }
    const end = to < this.length ? (this.starts[to] as number) : this.consumed;
    if (end > this.released) out.push(this.raw.bytes.slice(this.released, end));
    this.released = Math.max(this.released, end);
  }

  /** Passes over what stands for visible[from, to), handing out only what is invisible inside. */
  skip(from: number, to: number, out: Uint8Array[]): void {
    if (!this.reader) return;
    for (let i = from; i < to; i += 1) {
      const start = this.starts[i] as number;
      if (start > this.released) out.push(this.raw.bytes.slice(this.released, start));
      this.released = Math.max(this.released, this.ends[i] as number);
    }
  }

  /** Whether forgetting is worth while: moving what stays, at every piece, costs more than letting it stand. */
  get crowded(): boolean {
    return this.reader !== null || this.visible.room < this.visible.length;
  }

  /** Forgets the first visible bytes and everything raw that stands before the rest. */
  drop(count: number): void {
    if (count <= 0) return;
    if (!this.reader) {
      this.visible.renew(count);
      return;
    }
    this.visible.drop(count);
    this.starts.splice(0, count);
    this.ends.splice(0, count);
    const raw = Math.min(this.released, this.starts[0] ?? this.consumed);
    this.raw.drop(raw);
    this.consumed -= raw;
    this.released -= raw;
    for (let i = 0; i < this.starts.length; i += 1) {
      this.starts[i] = (this.starts[i] as number) - raw;
      this.ends[i] = (this.ends[i] as number) - raw;
    }
  }
}
