/** Remembers at least the last `size` keys and at most twice as many; a look-up and an addition cost the same for ever. */
export class RecentKeys {
  readonly #size: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(size: number) {
    this.#size = size;
  }

  has(key: string): boolean {
    if (this.#young.has(key)) return true;
    if (!this.#old.has(key)) return false;
    this.add(key);
    return true;
  }

  add(key: string): void {
    this.#young.add(key);
    if (this.#young.size < this.#size) return;
    this.#old = this.#young;
    this.#young = new Set();
  }
}
