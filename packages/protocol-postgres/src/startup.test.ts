import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cancelRequest, parseStartup, startupPacket } from './startup.ts';
import { WireFault } from './wire.ts';

const text = fc.string({ minLength: 1, maxLength: 20 }).filter((value) => !value.includes('\0'));

test('parameters are read as they were written', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          text.filter((name) => !name.startsWith('_pq_.')),
          text,
        ),
      ),
      (pairs) => {
        const parameters = new Map(pairs);
        const packet = parseStartup(startupPacket(parameters).subarray(4));
        expect(packet).toEqual({ kind: 'startup', minor: 0, parameters, extensions: [] });
      },
    ),
  );
});

test('no bytes make it throw anything but a WireFault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, versioned) => {
      const body = Buffer.from(bytes);
      if (versioned && body.length >= 4) body.writeInt32BE(196_608);
      try {
        parseStartup(body);
      } catch (error) {
        expect(error).toBeInstanceOf(WireFault);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a cancel request carries its key, short or long', () => {
  for (const size of [4, 32]) {
    const secret = Buffer.alloc(size, 7);
    expect(parseStartup(cancelRequest(-5, secret).subarray(4))).toEqual({ kind: 'cancel', pid: -5, secret });
  }
  expect(() => parseStartup(cancelRequest(1, Buffer.alloc(300)).subarray(4))).toThrow(WireFault);
});
