import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const SLOT = 16;

/**
 * The offset up to which the queue has taken everything. Two slots are written in turn, so a torn write leaves the one
 * before. It is not synced: after a machine crash an older value means that events are sent again, which is harmless.
 */
export class AckCursor {
  readonly #fd: number;
  #value = 0;
  #turn = 0;

  constructor(file: string) {
    this.#fd = openSync(file, openFlags(file), 0o600);
    const slots = Buffer.alloc(2 * SLOT);
    readSync(this.#fd, slots, 0, slots.length, 0);
    for (const turn of [0, 1]) {
      const slot = slots.subarray(turn * SLOT, (turn + 1) * SLOT);
      const value = Number(slot.readBigUInt64BE(0));
      if (crc32(slot.subarray(0, 8)) !== slot.readUInt32BE(8) || value < this.#value) continue;
      this.#value = value;
      this.#turn = 1 - turn;
    }
  }

  get value(): number {
    return this.#value;
  }

  set(value: number): void {
    const slot = Buffer.alloc(SLOT);
    slot.writeBigUInt64BE(BigInt(value), 0);
    slot.writeUInt32BE(crc32(slot.subarray(0, 8)), 8);
    writeSync(this.#fd, slot, 0, SLOT, this.#turn * SLOT);
    this.#turn = 1 - this.#turn;
    this.#value = value;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function openFlags(file: string): 'r+' | 'w+' {
  try {
    closeSync(openSync(file, 'r'));
    return 'r+';
  } catch {
    return 'w+';
  }
}
