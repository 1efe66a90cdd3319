import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as wire from './harness.ts';
import { errorOf, RawSession, Target, types } from './harness.ts';

let target: Target;

beforeAll(async () => {
  target = await Target.start();
}, 60_000);
afterAll(async () => await target.stop(), 30_000);

describe('held operations', () => {
  test('a notice says why, nothing else is delivered meanwhile, approval lets it run', async () => {
    let approve: (yes: boolean) => void = () => undefined;
    const gate = await target.gateway({
      behaviour: {
        hold: {
          when: /customers/,
          until: () =>
            new Promise((resolve) => {
              approve = resolve;
            }),
        },
      },
    });
    const raw = await RawSession.login(gate.port);
    raw.send(
      wire.typed('Q', wire.cstr('select count(*) from customers')),
      wire.typed('Q', wire.cstr('select 2')),
    );
    expect(types(await raw.until('N'))).toBe('N');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(raw.pending.length).toBe(0);
    approve(true);
    expect(types(await raw.until('Z', 2))).toBe('TDCZTDCZ');
    raw.send(wire.typed('Q', wire.cstr('select count(*) from customers')));
    await raw.until('N');
    approve(false);
    expect(errorOf(await raw.until('Z')).C).toBe('42501');
    raw.send(wire.typed('Q', wire.cstr('select count(*) from customers')));
    await raw.until('N');
    raw.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gate.relays[0]?.endings).toEqual(['caller-left']);
  });

  test('a response held back keeps all behind it back, and a target that ends meanwhile is still heard', async () => {
    let release: () => void = () => undefined;
    const holdRows = (): Promise<void> =>
      new Promise((resolve) => {
        release = resolve;
      });
    const gate = await target.gateway({ behaviour: { holdRows } });
    const raw = await RawSession.login(gate.port);
    raw.send(
      wire.typed('Q', wire.cstr("select repeat('x', 300000)")),
      wire.typed('Q', wire.cstr("notify a, 'b'")),
    );
    expect(types(await raw.until('T'))).toBe('T');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(raw.pending.length).toBe(0);
    release();
    expect(types(await raw.until('Z', 2))).toBe('DCZCZ');
    raw.send(wire.typed('Q', wire.cstr('select 1')), wire.typed('X'));
    await raw.until('T');
    await new Promise((resolve) => setTimeout(resolve, 50));
    release();
    expect(types(await raw.whenClosed())).toBe('DCZ');
    expect(gate.relays[0]?.endings).toEqual(['caller-left']);
  });
});
