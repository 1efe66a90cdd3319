/** Lanes remembered at once. Wires that open a lane per request never name the old ones again. */
const MOST_LANES = 4_096;

/** What a guard remembers of each lane, bounded: beyond {@link MOST_LANES} the one silent for longest is forgotten. */
export class Lanes<T> {
  readonly #start: () => T;
  readonly #states = new Map<number, T>();

  constructor(start: () => T) {
    this.#start = start;
  }

  of(lane: number): T {
    const known = this.#states.get(lane);
    // One lane is by far the most usual, and then its place in the order means nothing.
    if (known !== undefined && this.#states.size === 1) return known;
    const state = known ?? this.#start();
    this.#states.delete(lane);
    this.#states.set(lane, state);
    if (this.#states.size > MOST_LANES) this.#states.delete(this.#states.keys().next().value as number);
    return state;
  }

  forget(lane: number): void {
    this.#states.delete(lane);
  }
}
