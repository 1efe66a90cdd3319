import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Framer } from './codec.ts';
import { message, WireFault } from './wire.ts';

const LARGE = 1 << 20;

function regionsOf(chunks: readonly Buffer[], maxMessage = LARGE): Buffer[] {
  const framer = new Framer(maxMessage);
  const regions: Buffer[] = [];
  for (const chunk of chunks) framer.push(chunk, regions);
  return regions;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

test('however a stream is cut, the regions are its bytes, and each ends with a message', () => {
  const body = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(body, fc.constant(new Uint8Array(9000))), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }),
      (bodies, sizes) => {
        const whole = Buffer.concat(bodies.map((bytes) => message(0x44, bytes)));
        const regions = regionsOf(cut(whole, sizes));
        expect(Buffer.concat(regions).equals(whole)).toBe(true);
        for (const region of regions) expect(regionsOf([region])).toEqual([region]);
      },
    ),
  );
});

test('whole messages in a chunk are not copied', () => {
  const chunk = Buffer.concat([
    message(0x44, Buffer.from('a')),
    message(0x44, Buffer.from('b')),
    Buffer.from([0x44, 0]),
  ]);
  const [region] = regionsOf([chunk]);
  expect(region?.buffer).toBe(chunk.buffer);
  expect(region?.byteOffset).toBe(chunk.byteOffset);
  expect(region?.length).toBe(12);
});

test('impossible lengths and messages beyond the bound are faults, before anything is kept', () => {
  for (const length of [-1, 0, 3]) {
    const head = Buffer.alloc(5);
    head.writeInt32BE(length, 1);
    for (const size of [1, 5]) expect(() => regionsOf(cut(head, [size]))).toThrow(WireFault);
  }
  const head = Buffer.alloc(5);
  head.writeInt32BE(101, 1);
  for (const size of [1, 5]) {
    expect(() => regionsOf(cut(head, [size]), 100)).toThrow(expect.objectContaining({ tooLarge: true }));
  }
});

test('a large message dripped byte by byte is held in few pieces and given out once', () => {
  const whole = message(0x64, Buffer.alloc(200_000, 7));
  const regions = regionsOf(cut(whole, [1]));
  expect(regions).toHaveLength(1);
  expect(regions[0]?.equals(whole)).toBe(true);
});
