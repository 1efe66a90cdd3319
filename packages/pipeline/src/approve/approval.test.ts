import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type RefusalCode, refuse } from '@scrim/model';
import fc from 'fast-check';
import {
  approved,
  Bed,
  column,
  input,
  operation,
  outcome,
  type Rules,
  rows,
  run,
  shape,
  statement,
  ToyKnock,
  tick,
} from '../testing.ts';
import { operationDigest } from './approve.ts';

const HOLD: Rules = {
  guard: [{ when: { sql: { effects: ['write'] } }, do: 'hold', reason: 'writes' }],
  approve: { by: ['dba'], quorum: 2, expires: '10m' },
};
const UPDATE = statement('UPDATE t SET a = 1');
const SELECT = statement('SELECT 1');

afterEach(() => {
  jest.useRealTimers();
});

async function held(policies: readonly Rules[] = [HOLD]): Promise<{ bed: Bed; waiting: Promise<void> }> {
  const bed = await Bed.open(policies);
  const waiting = bed.say(operation(UPDATE, ['7', null]), operation(SELECT)) as Promise<void>;
  return { bed, waiting };
}

describe('a held operation', () => {
  test('passes once when it is approved and the approval redeemed with its own digest', async () => {
    const { bed, waiting } = await held();
    const redeemed: string[] = [];
    bed.asked[0]?.answer(
      approved(async (digest) => {
        redeemed.push(Buffer.from(digest).toString('hex'));
        return true;
      }),
    );
    await waiting;
    expect(bed.forwarded()).toEqual(['UPDATE t SET a = 1', 'SELECT 1']);
    expect(redeemed).toEqual([Buffer.from(bed.asked[0]?.held.digest ?? []).toString('hex')]);
    expect(bed.recorded('decided')).toEqual([
      { state: 'approved', by: 'bob', ticket: 'ap-1', rule: 'p0/guard[0]' },
    ]);
  });
  test('is held again the next time: an approval is used once', async () => {
    const { bed, waiting } = await held();
    bed.asked[0]?.answer(approved());
    await waiting;
    void bed.say(operation(UPDATE, ['7', null]));
    expect(bed.asked).toHaveLength(2);
  });
  test('tells the caller by which rule, for how long, whom to ask, and where', async () => {
    const { bed } = await held();
    const text = String(bed.log.find((it) => it.what === 'notify')?.data);
    for (const part of [
      'p0/guard[0]',
      'writes',
      '600 s',
      '2 approvers of dba',
      'ap-1',
      'https://console/ap-1',
    ]) {
      expect(text).toContain(part);
    }
  });
  test.each<[string, (bed: Bed) => void, RefusalCode]>([
    ['not redeemed', (bed) => bed.asked[0]?.answer(approved(async () => false)), 'SCRIM_APPROVAL_EXPIRED'],
    [
      'denied',
      (bed) => bed.asked[0]?.answer({ state: 'denied', approvalId: 'ap-1' }),
      'SCRIM_APPROVAL_DENIED',
    ],
    [
      'expired',
      (bed) => bed.asked[0]?.answer({ state: 'expired', approvalId: 'ap-1' }),
      'SCRIM_APPROVAL_EXPIRED',
    ],
    [
      'unavailable',
      (bed) => bed.asked[0]?.fail(refuse('SCRIM_APPROVAL_UNAVAILABLE')),
      'SCRIM_APPROVAL_UNAVAILABLE',
    ],
    ['failing', (bed) => bed.asked[0]?.fail(new Error('x')), 'SCRIM_APPROVAL_UNAVAILABLE'],
    [
      'failing to redeem',
      (bed) => bed.asked[0]?.answer(approved(() => Promise.reject(new Error('x')))),
      'SCRIM_APPROVAL_UNAVAILABLE',
    ],
    ['cancelled', (bed) => void bed.exchange.relay?.cancel(0), 'SCRIM_CANCELLED'],
  ])('is refused when %s, and the lane goes on behind it', async (_name, decide, code) => {
    const { bed, waiting } = await held();
    decide(bed);
    await waiting;
    expect(bed.refusals()).toEqual([code]);
    expect(bed.forwarded()).toEqual(['SELECT 1']);
    expect(bed.log.find((it) => it.what === 'refuse')?.refusal).toMatchObject({
      rule: 'p0/guard[0]',
      ticket: 'ap-1',
    });
  });
  test('is withdrawn when the caller leaves, and nothing runs', async () => {
    const { bed, waiting } = await held();
    bed.exchange.relay?.ended('caller-left');
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.asked[0]?.signal.reason).toBe('withdrawn');
    expect([bed.forwarded(), bed.refusals()]).toEqual([[], []]);
  });
  test('expires although the approvals never answer', async () => {
    const bed = await Bed.open([HOLD]);
    jest.useFakeTimers();
    const waiting = bed.say(operation(UPDATE));
    await jest.advanceTimersByTimeAsync(600_000);
    await waiting;
    expect(bed.refusals()).toEqual(['SCRIM_APPROVAL_EXPIRED']);
  });
  test('waits for weeks when the policy says so', async () => {
    const long: Rules = { ...HOLD, approve: { by: ['dba'], expires: '60d' } };
    const bed = await Bed.open([long]);
    const waiting = bed.say(operation(UPDATE));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(bed.refusals()).toEqual([]);
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.forwarded()).toHaveLength(1);
  });
  test('does not run when it is cancelled while the approval is being redeemed', async () => {
    const { bed, waiting } = await held();
    let redeemed: ((value: boolean) => void) | undefined;
    bed.asked[0]?.answer(
      approved(
        () =>
          new Promise((resolve) => {
            redeemed = resolve;
          }),
      ),
    );
    await tick();
    expect(bed.exchange.relay?.cancel(0)).toBe(true);
    redeemed?.(true);
    await waiting;
    expect(bed.refusals()).toEqual(['SCRIM_CANCELLED']);
  });
  test('an approval that comes after the cancel is worth nothing', async () => {
    const { bed, waiting } = await held();
    bed.exchange.relay?.cancel(0);
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.refusals()).toEqual(['SCRIM_CANCELLED']);
  });
  test('cancel of a lane with nothing held goes to the target', async () => {
    const { bed } = await held();
    expect(bed.exchange.relay?.cancel(3)).toBe(false);
    expect(bed.asked[0]?.signal.aborted).toBe(false);
  });
  test('cancel reaches an operation and a response held in one lane', async () => {
    const detect: Rules = {
      guard: [{ when: { response: { detect: ['pii.email'] } }, do: 'hold' }],
      approve: { by: ['dba'] },
    };
    const bed = await Bed.open([HOLD, detect]);
    void bed.say(operation(UPDATE));
    void bed.target(rows(shape([column('t.a')]), 'ada@example.com\n'));
    await tick();
    expect(bed.exchange.relay?.cancel(0)).toBe(true);
    expect(bed.asked.map((it) => it.signal.aborted)).toEqual([true, true]);
  });
  test('keeps its place: runs before pass, runs behind wait, several holds follow each other', async () => {
    const bed = await Bed.open([HOLD]);
    const second = statement('UPDATE u SET b = 2');
    const waiting = bed.say(
      operation(SELECT),
      operation(UPDATE),
      input('x'),
      operation(second),
      run({ kind: 'control' }),
    );
    expect(bed.forwarded()).toEqual(['SELECT 1']);
    bed.asked[0]?.answer(approved());
    await tick();
    expect(bed.forwarded()).toEqual(['SELECT 1', 'UPDATE t SET a = 1', 'x']);
    bed.asked[1]?.answer({ state: 'denied', approvalId: 'ap-2' });
    await waiting;
    expect(bed.forwarded().slice(3)).toEqual(['control']);
  });
  test('answers of the target flow while an operation is held', async () => {
    const { bed } = await held();
    await bed.target(rows(shape([column('t.a')]), 'x\n'), outcome());
    expect(bed.forwarded()).toEqual(['x\n', 'OK']);
  });
  test('approvers and the record see text and parameters masked', async () => {
    const bed = await Bed.open([HOLD, { mask: [{ detect: ['pii.email'] }] }]);
    const secret = statement("UPDATE t SET a = 'ada@example.com'");
    void bed.say(operation(secret, ['bob@example.com', null]));
    expect(bed.asked[0]?.held).toMatchObject({
      statement: "UPDATE t SET a = '***MASKED***'",
      parameters: ['***MASKED***', 'NULL'],
    });
    expect(bed.kept()).not.toContain('ada@');
    expect(bed.kept()).not.toContain('bob@');
  });
});

describe('rules that change while people decide', () => {
  test('a new version of the rule makes the approval worthless', async () => {
    const { bed, waiting } = await held();
    bed.apply([{ ...HOLD, version: 2 }]);
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.refusals()).toEqual(['SCRIM_APPROVAL_EXPIRED']);
  });
  test('a rule that now blocks, blocks', async () => {
    const { bed, waiting } = await held();
    bed.apply([{ guard: [{ when: { sql: { effects: ['write'] } }, do: 'block' }], version: 2 }]);
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.refusals()).toEqual(['SCRIM_GUARD_BLOCKED']);
  });
  test('a snapshot that changes something else leaves the approval good', async () => {
    const { bed, waiting } = await held();
    bed.apply([HOLD], { version: '2' });
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.forwarded()).toEqual(['UPDATE t SET a = 1', 'SELECT 1']);
  });
  test('a held response leaves by the masks of the moment it leaves', async () => {
    const detect: Rules = {
      guard: [{ when: { response: { detect: ['pii.email'] } }, do: 'hold' }],
      approve: { by: ['dba'] },
    };
    const bed = await Bed.open([detect]);
    const waiting = bed.target(rows(shape([column('customers.ssn')]), 'ada@example.com\n'));
    bed.apply([detect, { mask: [{ column: 'customers.ssn' }] }]);
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.forwarded()).toEqual(['***MASKED***\n']);
    expect(bed.recorded('response')).toEqual([{ text: '***MASKED***\n', count: 1 }]);
  });
});

describe('the digest', () => {
  const part = fc.string({ unit: 'grapheme', maxLength: 12 });
  const anything = fc.record({
    connection: part,
    caller: part,
    policy: fc.stringMatching(/^[a-z0-9_-]{0,8}$/),
    policyVersion: fc.nat(),
    text: part,
    parameters: fc.array(fc.option(part), { maxLength: 4 }),
  });
  test('is the same for the same operation and changes with any part of it', () => {
    fc.assert(
      fc.property(anything, anything, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(operationDigest(one).equals(operationDigest(structuredClone(one)))).toBe(true);
        expect(operationDigest(one).equals(operationDigest(other))).toBe(same);
        for (const key of Object.keys(one) as (keyof typeof one)[]) {
          const mixed = { ...one, [key]: other[key] };
          const unchanged = JSON.stringify(mixed) === JSON.stringify(one);
          expect(operationDigest(mixed).equals(operationDigest(one))).toBe(unchanged);
        }
      }),
    );
  });
  test('tells NULL from an empty text, and where one parameter ends', () => {
    const of = (...parameters: (string | null)[]) =>
      operationDigest({
        connection: 'c',
        caller: 'a',
        policy: 'p',
        policyVersion: 1,
        text: 't',
        parameters,
      }).toString('hex');
    const all = [of(), of(null), of(''), of('', ''), of('ab'), of('a', 'b'), of('NULL')];
    expect(new Set(all).size).toBe(all.length);
  });
  test('binds to the database the caller asked for, and approvers are told', async () => {
    const digests = [];
    for (const database of [undefined, 'archive']) {
      const bed = new Bed([HOLD]);
      await bed.knock(new ToyKnock(bed.exchange, 'shop', database));
      void bed.say(operation(UPDATE));
      digests.push(Buffer.from(bed.asked[0]?.held.digest ?? []).toString('hex'));
      expect(bed.asked[0]?.held.reason).toBe(database ? 'writes (database archive)' : 'writes');
    }
    expect(digests[0]).not.toBe(digests[1]);
  });
});
