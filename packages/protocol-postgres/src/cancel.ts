import { randomBytes, timingSafeEqual } from 'node:crypto';
import { int32, message, TYPE } from './wire.ts';

/** Something a CancelRequest can stop. */
export interface Cancellable {
  /** Resolves when the target has taken the request, or there was nothing to cancel. */
  cancel(): Promise<void>;
}

/** A key of our own: the target's real one never reaches the caller. */
export interface CancelKey {
  readonly pid: number;
  readonly secret: Buffer;
}

/** Cancel keys handed out by this process and what they stop. */
export class CancelKeys {
  readonly #entries = new Map<number, { secret: Buffer; target: Cancellable }>();

  /** A fresh key; 4 secret bytes for protocol 3.0, 32 from 3.2 on (documentation, BackendKeyData). */
  issue(target: Cancellable, minor: number): CancelKey {
    let pid: number;
    do {
      pid = randomBytes(4).readInt32BE(0);
    } while (pid === 0 || this.#entries.has(pid));
    const secret = randomBytes(minor >= 2 ? 32 : 4);
    this.#entries.set(pid, { secret, target });
    return { pid, secret };
  }

  drop(key: CancelKey): void {
    this.#entries.delete(key.pid);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What the key stops. An unknown key finds nothing, and the caller is told nothing either way. */
  find(pid: number, secret: Buffer): Cancellable | undefined {
    const entry = this.#entries.get(pid);
    if (!entry || entry.secret.length !== secret.length) return undefined;
    return timingSafeEqual(entry.secret, secret) ? entry.target : undefined;
  }
}

export function backendKeyData(key: CancelKey): Buffer {
  return message(TYPE.backendKey, int32(key.pid), key.secret);
}
