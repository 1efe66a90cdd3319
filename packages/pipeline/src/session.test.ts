import { describe, expect, test } from '@jest/globals';
import {
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
  ToyKnock,
  texts,
} from './testing.ts';

const SSN: Rules = { mask: [{ column: 'customers.ssn', with: 'redact' }] };
const PII: Rules = { mask: [{ detect: ['pii.email'] }] };
const WITH_SSN = shape([column('customers.name'), column('customers.ssn')], [CUSTOMERS]);
const SELECT = statement('SELECT 1');
const UPDATE = statement('UPDATE t SET a = 1');
const BLOCK_WRITES: Rules = { guard: [{ when: { sql: { effects: ['write'] } }, do: 'block' }] };

describe('order', () => {
  test('what mutates is recorded and on disk before it is forwarded; a read rides in the block', async () => {
    const bed = await Bed.open([SSN]);
    await bed.say(operation(UPDATE), operation(SELECT));
    expect(bed.whats()).toEqual([
      'record:operation',
      'record:flush',
      'forward',
      'record:operation',
      'forward',
    ]);
  });
  test('what is not understood counts as mutating', async () => {
    const bed = await Bed.open([]);
    await bed.say(operation(statement('SELECT f()', { complete: false } as never)));
    expect(bed.whats()).toContain('record:flush');
  });
  test('rows are recorded after masking and before they are forwarded, in the bytes the caller gets', async () => {
    const bed = await Bed.open([SSN]);
    await bed.target(rows(WITH_SSN, 'Ada\t123-45-6789\n'), outcome());
    expect(bed.whats()).toEqual([
      'record:shape',
      'record:response',
      'forward',
      'record:masked',
      'record:outcome',
      'forward',
    ]);
    expect(bed.recorded('response')).toEqual([{ text: bed.forwarded()[0], count: 1 }]);
    expect(bed.kept()).not.toContain('123-45-6789');
  });
  test('a refusal is recorded before the caller hears it', async () => {
    const bed = await Bed.open([BLOCK_WRITES]);
    await bed.say(operation(UPDATE));
    expect(bed.whats()).toEqual(['record:operation', 'record:refused', 'refuse']);
  });
  test('statement texts, parameters and messages are recorded masked', async () => {
    const bed = await Bed.open([PII]);
    await bed.say(operation(statement("SELECT 'ada@example.com'"), ['bob@example.com', null]));
    await bed.target(fields([{ name: 'message', value: 'no cy@example.com', quotesData: true }]));
    expect(bed.recorded('operation')).toMatchObject([
      { text: "SELECT '***MASKED***'", parameters: ['***MASKED***', null] },
    ]);
    expect(bed.kept()).not.toContain('@example.com');
  });
  test('the caller keeps its own text: only the record is masked', async () => {
    const bed = await Bed.open([PII]);
    const asked = operation(statement("SELECT 'ada@example.com'"));
    await bed.say(asked);
    expect(bed.log.find((it) => it.what === 'forward')?.bytes).toBe(asked.bytes);
  });
});

/** An operator that must see the value; a constant one is written over what cannot be read, too. */
const READS_VALUE: Rules = { mask: [{ column: 'customers.ssn', with: { partial: { keepLast: 4 } } }] };

describe('what fails ends the session and lets nothing more pass', () => {
  const after = operation(SELECT);
  test.each(['operation', 'flush', 'response', 'outcome', 'shape', 'masked', 'refused'])(
    'the recorder at %s',
    async (entry) => {
      const bed = await Bed.open([
        SSN,
        { guard: [{ when: { sql: { statements: ['drop'] } }, do: 'block' }] },
      ]);
      bed.recorder.breaks = entry;
      await bed.say(operation(UPDATE));
      await bed.target(rows(WITH_SSN, 'Ada\t1\n'), outcome());
      await bed.say(operation(statement('DROP x')));
      expect(bed.closedWith()).toBe('SCRIM_INTERNAL');
      const forwarded = bed.forwarded().length;
      await bed.say(after, run({ kind: 'control' }), input('x'));
      await bed.target(rows(WITH_SSN, 'Ada\t1\n'), run({ kind: 'control' }));
      expect(bed.forwarded()).toHaveLength(forwarded);
    },
  );
  test.each<[string, Rules[], string]>([
    ['a codec that cannot read a value', [READS_VALUE], 'Ada\tBROKEN\n'],
    [
      'a mask the codec cannot write',
      [{ mask: [{ column: 'customers.ssn', with: { redact: { template: '§' } } }] }],
      'Ada\t1\n',
    ],
  ])('%s', async (_name, policies, text) => {
    const bed = await Bed.open(policies);
    await bed.target(rows(WITH_SSN, text), rows(WITH_SSN, 'Bob\t2\n'));
    expect([bed.closedWith(), bed.forwarded(), bed.recorded('response')]).toEqual(['SCRIM_INTERNAL', [], []]);
    expect(bed.recorded('closed')).toEqual([{ ending: 'refused', code: 'SCRIM_INTERNAL' }]);
  });
  test('a value that cannot be read is still covered by a mask that needs no look at it', async () => {
    const bed = await Bed.open([SSN]);
    await bed.target(rows(WITH_SSN, 'Ada\tBROKEN\n'));
    expect(bed.forwarded()).toEqual(['Ada\t***MASKED***\n']);
  });
  test('parameters that cannot be read', async () => {
    const bed = await Bed.open([SSN]);
    const parameters = (): never => {
      throw new Error('torn');
    };
    await bed.say(run({ kind: 'operation', statement: UPDATE, parameters }), after);
    expect([bed.closedWith(), bed.forwarded()]).toEqual(['SCRIM_INTERNAL', []]);
  });
  test('facts that cannot be judged', async () => {
    const bed = await Bed.open([BLOCK_WRITES]);
    await bed.say(
      run({ kind: 'operation', statement: { ...SELECT, facts: undefined as never }, parameters: null }),
      after,
    );
    expect([bed.closedWith(), bed.forwarded()]).toEqual(['SCRIM_INTERNAL', []]);
  });
  test('a wire that cannot forward, and cannot close either', async () => {
    const bed = await Bed.open([SSN]);
    bed.exchange.breaks = 'close';
    bed.recorder.breaks = 'operation';
    await bed.say(after, after);
    expect(bed.forwarded()).toEqual([]);
    expect(bed.recorded('closed')).toHaveLength(1);
    expect(bed.failures).toEqual([new Error('cannot record operation'), new Error('the wire cannot close')]);
  });
  test('cancel on a session that cannot be recorded, and after its end, sends nothing to the target', async () => {
    const bed = await Bed.open([]);
    bed.recorder.breaks = 'cancelled';
    expect(bed.exchange.relay?.cancel(0)).toBe(true);
    expect(bed.closedWith()).toBe('SCRIM_INTERNAL');
    expect(bed.exchange.relay?.cancel(0)).toBe(true);
  });
  test('an unexpected error tells the caller nothing of itself, and the log all', async () => {
    const bed = await Bed.open([READS_VALUE]);
    await bed.target(rows(WITH_SSN, 'Ada\tBROKEN\n'));
    expect(bed.log.find((it) => it.what === 'close')?.refusal).toEqual({
      code: 'SCRIM_INTERNAL',
      message: 'the edge failed and closed the operation',
    });
    expect(bed.failures).toEqual([new Error('no value of the type')]);
  });
});

describe('the end', () => {
  test('is recorded once, with coverage and masks, though closing echoes back', async () => {
    const bed = await Bed.open([SSN]);
    await bed.target(rows(WITH_SSN, 'Ada\t1\n'));
    bed.pipeline.revoke('token-1');
    bed.exchange.relay?.ended('target-left');
    expect(bed.whats().slice(-4)).toEqual(['close', 'record:masked', 'record:coverage', 'record:closed']);
    expect(bed.recorded('closed')).toEqual([{ ending: 'revoked', code: 'SCRIM_AUTH_REVOKED' }]);
  });
  test('lets nothing pass afterwards, in either direction', async () => {
    const bed = await Bed.open([]);
    bed.exchange.relay?.ended('caller-left');
    bed.log.length = 0;
    await bed.say(operation(UPDATE));
    await bed.target(rows(WITH_SSN, 'Ada\t1\n'));
    expect(bed.log).toEqual([]);
  });
  test('in the middle of a batch stops the rest of the batch', async () => {
    const bed = await Bed.open([]);
    const revoking = statement('SELECT 2');
    const parameters = (): readonly string[] => {
      bed.pipeline.revoke('token-1');
      return [];
    };
    await bed.say(run({ kind: 'operation', statement: revoking, parameters }), operation(SELECT));
    expect(bed.forwarded().length).toBeLessThan(2);
    expect(bed.forwarded()).not.toContain('SELECT 1');
  });
});

describe('new rules reach an open session with the next run', () => {
  test('masks, although the same shape was planned before', async () => {
    const bed = await Bed.open([]);
    await bed.target(rows(WITH_SSN, 'Ada\t1\n'));
    bed.apply([SSN]);
    await bed.target(rows(WITH_SSN, 'Ada\t1\n'));
    bed.apply([]);
    await bed.target(rows(WITH_SSN, 'Ada\t1\n'));
    expect(bed.forwarded()).toEqual(['Ada\t1\n', 'Ada\t***MASKED***\n', 'Ada\t1\n']);
  });
  test('guards, although the same statement was judged before, under the same name and version', async () => {
    const bed = await Bed.open([{}]);
    await bed.say(operation(UPDATE));
    bed.apply([BLOCK_WRITES]);
    await bed.say(operation(UPDATE));
    expect([bed.forwarded().length, bed.refusals()]).toEqual([1, ['SCRIM_GUARD_BLOCKED']]);
  });
  test('write-back checks, although the same statement was clean before', async () => {
    const bed = await Bed.open([{}]);
    const literal = statement("UPDATE t SET a = '<hidden>'");
    await bed.say(operation(literal));
    bed.apply([{ mask: [{ column: 'customers.ssn', with: { redact: { template: '<hidden>' } } }] }]);
    await bed.say(operation(literal));
    expect(bed.refusals()).toEqual(['SCRIM_WRITE_BACK']);
  });
  test('the recorded text of a statement that was recorded before', async () => {
    const bed = await Bed.open([{}]);
    const asked = statement("SELECT 'ada@example.com'");
    await bed.say(operation(asked));
    bed.apply([PII]);
    bed.log.length = 0;
    await bed.say(operation(asked));
    expect(bed.kept()).not.toContain('ada@example.com');
  });
  test('in the middle of a response', async () => {
    const bed = await Bed.open([]);
    await bed.target(rows(WITH_SSN, 'Ada\t1\n'));
    bed.apply([{ guard: [{ when: { response: { largerThan: '5B' } }, do: 'block' }] }]);
    await bed.target(rows(WITH_SSN, 'Bob\t2\n'));
    expect(bed.closedWith()).toBe('SCRIM_GUARD_BLOCKED');
  });
});

test('two sessions share compiled rules but not what they remember', async () => {
  const bed = await Bed.open([{ guard: [{ when: { response: { largerThan: '10B' } }, do: 'block' }] }]);
  const first = bed.exchange.relay;
  await bed.knock(new ToyKnock(bed.exchange));
  const plain = () => rows(WITH_SSN, 'Ada\t1\n');
  await first?.fromTarget([plain()]);
  await bed.target(plain());
  expect(bed.closedWith()).toBeUndefined();
  await first?.fromTarget([plain()]);
  expect(bed.closedWith()).toBe('SCRIM_GUARD_BLOCKED');
});

test('a run is handled without a promise unless it is held', async () => {
  const bed = await Bed.open([SSN, PII]);
  expect(bed.say(operation(SELECT), operation(UPDATE), input('x'))).toBeUndefined();
  expect(bed.target(rows(WITH_SSN, 'Ada\t1\n'), outcome())).toBeUndefined();
});

describe('texts that flow', () => {
  test('a value cut by the border of pieces is masked; what is held back leaves with the last piece', async () => {
    const bed = await Bed.open([PII]);
    await bed.target(texts([{ text: 'mail ada@exa' }]), texts([{ text: 'mple.com now', last: true }]));
    expect(bed.forwarded().join('')).toBe('mail ***MASKED*** now');
    expect(bed.kept()).not.toContain('ada@');
  });
  test('channels and lanes do not mix, and both directions keep tails of their own', async () => {
    const bed = await Bed.open([PII]);
    await bed.target(texts([{ text: 'ada@exa' }], 1), texts([{ text: 'mple.com', last: true }], 2));
    await bed.say(texts([{ text: 'mple.com', last: true }], 1));
    expect(bed.forwarded().join('')).toBe('mple.commple.com');
    await bed.target(texts([{ text: 'mple.com', last: true }], 1));
    expect(bed.forwarded().at(-1)).toBe('***MASKED***');
  });
  test('several channels in one message come back in their places', async () => {
    const bed = await Bed.open([PII]);
    const both = (one: string, two: string, last: boolean) =>
      texts([
        { text: one, channel: 1, last },
        { text: two, channel: 2, last },
      ]);
    await bed.target(both('to ada@', 'hello ', false), both('example.com', 'world', true));
    const [first, second] = bed.forwarded().map((it) => it.split('\n'));
    expect([first?.[0], second?.[0]].join('')).toBe('to ***MASKED***');
    expect([first?.[1], second?.[1]].join('')).toBe('hello world');
  });
  test('JSON is masked by field, and refused when it is none', async () => {
    const bed = await Bed.open([{ mask: [{ field: 'ssn' }] }]);
    await bed.target(texts([{ text: '{"ssn":"123", "a":1.0}', form: 'json', last: true }]));
    expect(bed.forwarded()).toEqual(['{"ssn":"***MASKED***", "a":1.0}']);
    await bed.target(texts([{ text: '{"ssn":}', form: 'json', last: true }]));
    expect(bed.exchange.log.at(-1)?.what).not.toBe('forward');
    expect(bed.kept()).not.toContain('"123"');
  });
  test('what a caller says to a model is masked on its way up and recorded as the model reads it', async () => {
    const bed = await Bed.open([PII]);
    await bed.say(texts([{ text: 'write to ada@example.com', last: true }]));
    expect(bed.forwarded()).toEqual(['write to ***MASKED***']);
    expect(bed.recorded('request')).toEqual(['write to ***MASKED***']);
  });
  test('an untouched piece leaves as the very buffer it came in', async () => {
    const bed = await Bed.open([PII]);
    const said = texts([{ text: 'nothing here\n', last: true }]);
    await bed.target(said);
    expect(bed.log.find((it) => it.what === 'forward')?.bytes).toBe(said.bytes);
  });
  test('new rules reach a channel under way as soon as nothing is held back', async () => {
    const bed = await Bed.open([]);
    await bed.target(texts([{ text: 'ada@example.com\n' }]));
    bed.apply([PII]);
    await bed.target(texts([{ text: 'bob@example.com', last: true }]));
    expect(bed.forwarded().join('')).toBe('ada@example.com\n***MASKED***');
  });
  test('a response rule holds a stream where its detector fires', async () => {
    const bed = await Bed.open([
      { guard: [{ when: { response: { detect: ['pii.email'] } }, do: 'block' }], mask: [] },
    ]);
    await bed.target(texts([{ text: 'to ada@example.com now', last: true }]));
    expect(bed.forwarded()).toEqual([]);
  });
  test('a long base64 run over many pieces is one blob', async () => {
    const bed = await Bed.open([
      { guard: [{ when: { response: { blobLargerThan: '1KiB' } }, do: 'block' }] },
    ]);
    for (let sent = 0; sent < 4; sent++) await bed.target(texts([{ text: 'QUJD'.repeat(100) }]));
    expect(bed.forwarded().join('').length).toBeLessThanOrEqual(1024);
  });
});
