/** Bytes of masked copies all sessions of this process may hold together. */
const MOST_IN_PROCESS = 512 << 20;
/** Sizes of files whose masked copies are gone, kept so that a later stat agrees with what was read. */
const MOST_SIZES = 1_000;

let held = 0;

/** The masked copy of one file, served in place of it: masks change lengths, and reads name offsets. */
export class MaskedCopy {
  readonly #pieces: Buffer[] = [];
  #bytes: Buffer | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False when no more may be held. */
  add(bytes: Uint8Array): boolean {
    if (held + bytes.length > MOST_IN_PROCESS) return false;
    held += bytes.length;
    this.#size += bytes.length;
    this.#pieces.push(Buffer.from(bytes));
    return true;
  }

  read(offset: bigint, length: number): Buffer {
    this.#bytes ??= Buffer.concat(this.#pieces.splice(0));
    if (offset >= BigInt(this.#bytes.length)) return Buffer.alloc(0);
    const from = Number(offset);
    return this.#bytes.subarray(from, Math.min(this.#bytes.length, from + length));
  }

  free(): void {
    held -= this.#size;
    this.#size = 0;
    this.#pieces.length = 0;
    this.#bytes = undefined;
  }
}

/** How large a file looks to the caller, while the file is the one that was read. */
export class MaskedSizes {
  readonly #sizes = new Map<
    string,
    { readonly size: bigint; readonly mtime: number; readonly masked: number }
  >();

  learn(path: string, size: bigint, mtime: number, masked: number): void {
    this.#sizes.delete(path);
    this.#sizes.set(path, { size, mtime, masked });
    if (this.#sizes.size > MOST_SIZES) this.#sizes.delete(this.#sizes.keys().next().value as string);
  }

  of(path: string, size: bigint, mtime: number): number | undefined {
    const known = this.#sizes.get(path);
    return known && known.size === size && known.mtime === mtime ? known.masked : undefined;
  }
}
