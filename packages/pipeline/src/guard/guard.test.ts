import { describe, expect, test } from '@jest/globals';
import {
  approved,
  Bed,
  CUSTOMERS,
  column,
  fields,
  input,
  operation,
  outcome,
  type Rules,
  rows,
  run,
  shape,
  statement,
  tick,
} from '../testing.ts';

const APPROVE = { by: ['dba'], quorum: 1, expires: '10m' };
const BLOCK_DROP: Rules = {
  guard: [{ when: { sql: { statements: ['drop_table'] } }, do: 'block', reason: 'no DDL' }],
};
const WRITES = (action: string): Rules => ({
  guard: [{ when: { sql: { effects: ['write'] } }, do: action, reason: 'careful' }],
  approve: APPROVE,
});
const DROP = statement('DROP TABLE t', { statements: ['drop_table'], effects: ['ddl'] } as never);
const UPDATE = statement('UPDATE t SET a = 1');
const SELECT = statement('SELECT 1');
const TEXT = shape([column('t.a')], [CUSTOMERS]);
const MASKED = '***MASKED***';
const SSN: Rules = { mask: [{ column: 'customers.ssn', with: 'redact' }] };
const CHARS = (count: number): string => 'x'.repeat(count);

describe('verdicts', () => {
  test.each(['preparation', 'operation'] as const)(
    'block refuses at %s and forwards nothing',
    async (kind) => {
      const bed = await Bed.open([BLOCK_DROP]);
      const meaning =
        kind === 'operation' ? { kind, statement: DROP, parameters: null } : { kind, statement: DROP };
      await bed.say(run(meaning));
      expect(bed.refusals()).toEqual(['SCRIM_GUARD_BLOCKED']);
      expect(bed.forwarded()).toEqual([]);
      expect(bed.recorded('operation')).toMatchObject([
        { text: 'DROP TABLE t', verdict: 'block', rule: 'p0/guard[0]' },
      ]);
      expect(bed.closedWith()).toBeUndefined();
    },
  );
  test('a refused preparation is recorded in its own lane', async () => {
    const bed = await Bed.open([BLOCK_DROP]);
    await bed.say(run({ kind: 'preparation', statement: DROP }, 'P', 7));
    expect(bed.recorded('operation')).toMatchObject([{ lane: 7 }]);
  });
  test('warn tells the caller, records, and lets it pass', async () => {
    const bed = await Bed.open([WRITES('warn')]);
    await bed.say(operation(UPDATE));
    expect(bed.whats()).toEqual(['record:operation', 'record:warned', 'notify', 'record:flush', 'forward']);
  });
  test('hold waits at the operation, not at the preparation', async () => {
    const bed = await Bed.open([WRITES('hold')]);
    await bed.say(run({ kind: 'preparation', statement: UPDATE }));
    expect(bed.forwarded()).toEqual(['preparation']);
    const held = bed.say(operation(UPDATE));
    expect(held).toBeInstanceOf(Promise);
    expect(bed.forwarded()).toHaveLength(1);
    bed.asked[0]?.answer(approved());
    await held;
    expect(bed.forwarded()).toHaveLength(2);
  });
  test('the session goes on after a refusal', async () => {
    const bed = await Bed.open([BLOCK_DROP]);
    await bed.say(operation(DROP), operation(SELECT));
    expect(bed.forwarded()).toEqual(['SELECT 1']);
  });
  test('a statement is judged once by its identity, an equal text anew', async () => {
    const bed = await Bed.open([BLOCK_DROP]);
    let judged = 0;
    const watched = { ...SELECT };
    Object.defineProperty(watched, 'facts', {
      get: () => {
        judged++;
        return SELECT.facts;
      },
    });
    await bed.say(operation(watched));
    const first = judged;
    await bed.say(operation(watched));
    // The second time nobody judges: only whether it writes is asked, by the write-back check and the flush.
    expect(judged - first).toBe(2);
    expect(first).toBeGreaterThan(2);
  });
  test('what the codec cannot read is refused from the caller and ends the session from the target', async () => {
    const bed = await Bed.open([]);
    await bed.say(run({ kind: 'unknown', why: 'odd' }));
    expect(bed.refusals()).toEqual(['SCRIM_UNPARSED']);
    await bed.target(run({ kind: 'unknown', why: 'odd' }));
    expect(bed.closedWith()).toBe('SCRIM_UNPARSED');
    expect(bed.forwarded()).toEqual([]);
  });
  test.each(['rows', 'shape', 'fields', 'outcome', 'text'] as const)(
    'a caller cannot send %s',
    async (kind) => {
      const bed = await Bed.open([]);
      await bed.say(run({ kind } as never));
      expect(bed.refusals()).toEqual(['SCRIM_UNPARSED']);
      expect(bed.forwarded()).toEqual([]);
    },
  );
  test.each(['operation', 'preparation', 'input', 'text'] as const)(
    'a target cannot send %s',
    async (kind) => {
      const bed = await Bed.open([]);
      await bed.target(run({ kind, statement: SELECT } as never));
      expect(bed.closedWith()).toBe('SCRIM_UNPARSED');
      expect(bed.forwarded()).toEqual([]);
    },
  );
});

describe('writing masks back', () => {
  test.each([
    ['in the text', operation(statement(`UPDATE t SET a = '${MASKED}'`))],
    ['in a parameter', operation(UPDATE, [null, MASKED])],
    [
      'in a statement that is not understood',
      operation(statement(`SELECT '${MASKED}'`, { complete: false } as never)),
    ],
  ])('is refused %s', async (_name, saying) => {
    const bed = await Bed.open([SSN]);
    await bed.say(saying);
    expect(bed.refusals()).toEqual(['SCRIM_WRITE_BACK']);
    expect(bed.forwarded()).toEqual([]);
  });
  test('is refused before anybody is asked to approve it', async () => {
    const bed = await Bed.open([{ ...SSN, ...WRITES('hold') }]);
    await bed.say(operation(UPDATE, [MASKED]));
    expect([bed.refusals(), bed.asked.length]).toEqual([['SCRIM_WRITE_BACK'], 0]);
  });
  test('reading with a mask in the condition passes', async () => {
    const bed = await Bed.open([SSN]);
    await bed.say(operation(statement(`SELECT * FROM t WHERE a = '${MASKED}'`)));
    expect(bed.refusals()).toEqual([]);
  });
  const LONG = `[${CHARS(150)}]`;
  test.each([
    ['the default mask', 'redact', MASKED],
    ['a mask with letters beyond ASCII', { redact: { template: '•••hidden•••' } }, '•••hidden•••'],
    ['a mask longer than any token', { redact: { template: LONG } }, LONG],
  ])('is refused in loaded data cut at any byte: %s', async (_name, operator, mask) => {
    const data = Buffer.from(`1\tAda\t${mask}\n`);
    for (let at = 1; at < data.length; at++) {
      const bed = await Bed.open([{ mask: [{ column: 'customers.ssn', with: operator }] }]);
      await bed.say(operation(UPDATE), input(data.subarray(0, at)), input(data.subarray(at)));
      expect([at, bed.refusals()]).toEqual([at, ['SCRIM_WRITE_BACK']]);
    }
  });
  test('is refused in loaded data that comes byte by byte', async () => {
    const bed = await Bed.open([SSN]);
    await bed.say(operation(UPDATE), ...[...Buffer.from(`a\t${MASKED}`)].map((it) => input(Buffer.of(it))));
    expect(bed.refusals()[0]).toBe('SCRIM_WRITE_BACK');
  });
  test('is refused when another lane talks in between', async () => {
    const bed = await Bed.open([SSN]);
    await bed.say(
      input('a\t***MA', 1),
      input(CHARS(500), 2),
      operation(SELECT, undefined, 2),
      input('SKED***\n', 1),
    );
    expect(bed.refusals()).toEqual(['SCRIM_WRITE_BACK']);
  });
  test("an earlier operation's outcome does not make a cut mask forgotten", async () => {
    const bed = await Bed.open([SSN]);
    await bed.say(operation(SELECT), operation(UPDATE), input('a\t***MA'));
    await bed.target(outcome());
    await bed.say(input('SKED***\n'));
    expect(bed.refusals()).toEqual(['SCRIM_WRITE_BACK']);
  });
});

describe('what a caller sends', () => {
  const LIMIT = (action: string): Rules => ({
    guard: [{ when: { request: { largerThan: '100B' } }, do: action }],
    approve: APPROVE,
  });
  test('too much in one operation is blocked', async () => {
    const bed = await Bed.open([LIMIT('block')]);
    await bed.say(operation(statement(`SELECT '${CHARS(200)}'`)));
    expect(bed.refusals()).toEqual(['SCRIM_GUARD_BLOCKED']);
  });
  test('too much named in advance is blocked already when it is named', async () => {
    const bed = await Bed.open([LIMIT('block')]);
    await bed.say(run({ kind: 'preparation', statement: SELECT }, CHARS(200)));
    expect([bed.refusals(), bed.forwarded()]).toEqual([['SCRIM_GUARD_BLOCKED'], []]);
  });
  test('a large statement named in advance is held when a small message runs it', async () => {
    const bed = await Bed.open([LIMIT('hold')]);
    const large = statement(`SELECT '${CHARS(200)}'`);
    void bed.say(run({ kind: 'operation', statement: large, parameters: null }, 'E'));
    expect(bed.asked).toHaveLength(1);
    const other = await Bed.open([LIMIT('hold')]);
    void other.say(run({ kind: 'operation', statement: SELECT, parameters: () => [CHARS(200)] }, 'E'));
    expect(other.asked).toHaveLength(1);
  });
  test('data sent afterwards counts on top of its operation; a hold of it is a block', async () => {
    const bed = await Bed.open([LIMIT('hold')]);
    await bed.say(operation(statement(`UPDATE ${CHARS(50)}`)), input(CHARS(40)), input(CHARS(40)));
    expect(bed.forwarded()).toHaveLength(2);
    expect(bed.refusals()).toEqual(['SCRIM_GUARD_BLOCKED']);
  });
  test('a warning about data is given once', async () => {
    const bed = await Bed.open([LIMIT('warn')]);
    await bed.say(operation(UPDATE), input(CHARS(120)), input(CHARS(120)));
    expect(bed.recorded('warned')).toHaveLength(1);
    expect(bed.forwarded()).toHaveLength(3);
  });
});

describe('what comes back', () => {
  const LIMIT: Rules = { guard: [{ when: { response: { largerThan: '20B' } }, do: 'block' }] };
  const DETECT = (action: string): Rules => ({
    guard: [{ when: { response: { detect: ['pii.email'] } }, do: action }],
    approve: APPROVE,
  });
  test('too much of one operation ends the session before the part that goes over', async () => {
    const bed = await Bed.open([LIMIT]);
    await bed.target(rows(TEXT, `${CHARS(14)}\n`), rows(TEXT, `${CHARS(14)}\n`));
    expect([bed.forwarded().length, bed.closedWith()]).toEqual([1, 'SCRIM_GUARD_BLOCKED']);
  });
  test('small operations pipelined behind a large answer do not start its count anew', async () => {
    const bed = await Bed.open([LIMIT]);
    for (let part = 0; part < 5; part++) {
      await bed.say(operation(SELECT));
      await bed.target(rows(TEXT, `${CHARS(9)}\n`));
    }
    expect(bed.closedWith()).toBe('SCRIM_GUARD_BLOCKED');
  });
  test('an outcome starts the count anew, in its own lane alone', async () => {
    const bed = await Bed.open([LIMIT]);
    await bed.target(rows(TEXT, `${CHARS(14)}\n`), outcome(), rows(TEXT, `${CHARS(14)}\n`), outcome(1));
    expect(bed.closedWith()).toBeUndefined();
    await bed.target(rows(TEXT, `${CHARS(14)}\n`));
    expect(bed.closedWith()).toBe('SCRIM_GUARD_BLOCKED');
  });
  test('messages count too: a notice is a way out like any other', async () => {
    const bed = await Bed.open([LIMIT]);
    await bed.target(fields([{ name: 'message', value: CHARS(50), quotesData: true }]));
    expect([bed.forwarded(), bed.closedWith()]).toEqual([[], 'SCRIM_GUARD_BLOCKED']);
  });
  test('one huge value is measured although no rule masks it', async () => {
    const bed = await Bed.open([
      { guard: [{ when: { response: { blobLargerThan: '100B' } }, do: 'block' }] },
    ]);
    await bed.target(rows(TEXT, `${CHARS(90)}\n${CHARS(90)}\n`));
    expect(bed.closedWith()).toBeUndefined();
    await bed.target(rows(TEXT, `${CHARS(101)}\n`));
    expect(bed.closedWith()).toBe('SCRIM_GUARD_BLOCKED');
  });
  test.each([
    ['rows', () => rows(TEXT, 'ada@example.com\n')],
    ['a message', () => fields([{ name: 'message', value: 'ada@example.com', quotesData: true }])],
  ])('a detector blocks %s that no rule masks', async (_name, make) => {
    const bed = await Bed.open([DETECT('block')]);
    await bed.target(make());
    expect([bed.forwarded(), bed.closedWith()]).toEqual([[], 'SCRIM_GUARD_BLOCKED']);
    expect(bed.kept()).not.toContain('ada@example.com');
  });
  test('a detector warns and lets pass', async () => {
    const bed = await Bed.open([DETECT('warn')]);
    await bed.target(rows(TEXT, 'ada@example.com\n'));
    expect(bed.whats()).toEqual(['record:warned', 'notify', 'record:shape', 'record:response', 'forward']);
  });
  test('a held response is released by an approver, who sees none of it; nothing is recorded before', async () => {
    const bed = await Bed.open([DETECT('hold')]);
    const held = bed.target(rows(TEXT, 'ada@example.com\n'), outcome());
    await tick();
    expect([bed.forwarded(), bed.recorded('response')]).toEqual([[], []]);
    expect(bed.kept()).not.toContain('ada@example.com');
    bed.asked[0]?.answer(approved());
    await held;
    expect(bed.forwarded()).toEqual(['ada@example.com\n', 'OK']);
  });
  test('a held response that is denied ends the session unseen and unrecorded', async () => {
    const bed = await Bed.open([DETECT('hold')]);
    const held = bed.target(rows(TEXT, 'ada@example.com\n'));
    bed.asked[0]?.answer({ state: 'denied', approvalId: 'ap-1', decidedBy: 'bob' });
    await held;
    expect([bed.forwarded(), bed.closedWith()]).toEqual([[], 'SCRIM_APPROVAL_DENIED']);
    expect(bed.recorded('response')).toEqual([]);
  });
  test('a warning that comes first does not hide a block', async () => {
    const both: Rules = {
      guard: [
        { when: { response: { largerThan: '1B' } }, do: 'warn' },
        { when: { response: { largerThan: '2B' } }, do: 'block' },
      ],
    };
    const bed = await Bed.open([both]);
    await bed.target(rows(TEXT, 'abcdef\n'));
    expect([bed.forwarded(), bed.closedWith()]).toEqual([[], 'SCRIM_GUARD_BLOCKED']);
  });
  test('approvals of two responses bind to different digests', async () => {
    const digests: string[] = [];
    for (const value of ['ada@example.com', 'bob@example.com']) {
      const bed = await Bed.open([DETECT('hold')]);
      void bed.target(rows(TEXT, `${value}\n`));
      digests.push(Buffer.from(bed.asked[0]?.held.digest ?? []).toString('hex'));
    }
    expect(digests[0]).not.toBe(digests[1]);
  });
});
