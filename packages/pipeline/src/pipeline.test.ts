import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { refuse, Secret } from '@scrim/model';
import {
  ALICE,
  approved,
  Bed,
  column,
  operation,
  type Rules,
  rows,
  SHOP,
  shape,
  snapshotOf,
  statement,
  ToyKnock,
  tick,
} from './testing.ts';

const SELECT = statement('SELECT 1');
const PLAIN = shape([column('customers.ssn')]);
const SSN: Rules = { mask: [{ column: 'customers.ssn' }] };
const ISSUER = 'https://ci.example.com';
const STRANGER = { ...ALICE, issuer: ISSUER, groups: ['strangers'] };
const { connections: _bound, ...UNBOUND } = STRANGER;
const TRUSTED = {
  tokens: {
    scrim: [],
    revoked: [],
    issuers: [
      {
        issuer: ISSUER,
        audiences: ['scrim'],
        algorithms: ['ES256'],
        subjectClaim: 'sub',
        groupsClaim: 'groups',
        attributeClaims: [],
        kind: 'machine' as const,
        keys: [],
        machines: [],
      },
    ],
  },
};

const unhandled: unknown[] = [];
const note = (reason: unknown): void => {
  unhandled.push(reason);
};
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await tick();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

async function rejectedWith(
  prepare: (bed: Bed) => void,
  knock?: (bed: Bed) => ToyKnock,
): Promise<string | undefined> {
  const bed = new Bed([{}]);
  prepare(bed);
  const door = await bed.knock(knock?.(bed));
  expect(bed.exchange.relay).toBeUndefined();
  return door.rejected?.code;
}

describe('at the door', () => {
  test('a caller with a token for the connection is let in with the credential, which is recorded nowhere', async () => {
    const bed = new Bed([SSN]);
    bed.secrets = async () => ({ password: new Secret('hunter2') });
    const knock = await bed.knock();
    expect(knock.grant?.details.secrets.password?.reveal()).toBe('hunter2');
    expect(knock.grant?.details.caller.subject).toBe('alice@example.com');
    expect(bed.whats()).toEqual(['record:opened', 'start']);
    expect(bed.kept()).not.toContain('hunter2');
  });
  test.each<[string, (bed: Bed) => void, string]>([
    [
      'a token nobody trusts',
      (bed) => {
        bed.identify = () => Promise.reject(refuse('SCRIM_AUTH_INVALID'));
      },
      'SCRIM_AUTH_INVALID',
    ],
    [
      'an identifier that fails',
      (bed) => {
        bed.identify = () => Promise.reject(new Error('x'));
      },
      'SCRIM_INTERNAL',
    ],
    [
      'no snapshot',
      (bed) => {
        bed.snapshot = undefined;
      },
      'SCRIM_POLICY_EXPIRED',
    ],
    [
      'a snapshot past its lifetime',
      (bed) => {
        bed.snapshot = snapshotOf([], { expiresAt: 1_000 });
      },
      'SCRIM_POLICY_EXPIRED',
    ],
    [
      'a token for another connection',
      (bed) => {
        bed.caller = { ...ALICE, connections: ['other'] };
      },
      'SCRIM_AUTH_AUDIENCE',
    ],
    [
      'a connection that is gone',
      (bed) => {
        bed.snapshot = snapshotOf([], { connections: [] });
      },
      'SCRIM_CONNECTION_UNKNOWN',
    ],
    [
      'a connection of another protocol',
      (bed) => {
        bed.snapshot = snapshotOf([], { connections: [{ ...SHOP, protocol: 'ssh' } as never] });
      },
      'SCRIM_CONNECTION_UNKNOWN',
    ],
    [
      'a full spool',
      (bed) => {
        bed.ready = false;
      },
      'SCRIM_SPOOL_FULL',
    ],
    [
      'rules that do not compile',
      (bed) => {
        bed.snapshot = snapshotOf([{ mask: [{ detect: ['no.such'] }] }]);
      },
      'SCRIM_INTERNAL',
    ],
    [
      'two auditors to seal to',
      (bed) => {
        bed.snapshot = snapshotOf([
          { record: { content: { sealed: 'a' } } },
          { record: { content: { sealed: 'b' } } },
        ]);
      },
      'SCRIM_UNRECORDED',
    ],
    [
      'a session that cannot be recorded as opened',
      (bed) => {
        bed.recorder.breaks = 'opened';
      },
      'SCRIM_INTERNAL',
    ],
    [
      'a secret that cannot be resolved',
      (bed) => {
        bed.secrets = () => Promise.reject(refuse('SCRIM_TARGET_CREDENTIAL'));
      },
      'SCRIM_TARGET_CREDENTIAL',
    ],
  ])('%s is refused before the target is touched', async (_name, prepare, code) => {
    expect(await rejectedWith(prepare)).toBe(code);
  });
  test('identity is asked before anything about the connection is said', async () => {
    const code = await rejectedWith(
      (bed) => {
        bed.snapshot = undefined;
        bed.ready = false;
        bed.identify = () => Promise.reject(refuse('SCRIM_AUTH_EXPIRED'));
      },
      (bed) => new ToyKnock(bed.exchange, 'nowhere'),
    );
    expect(code).toBe('SCRIM_AUTH_EXPIRED');
  });
  test('a refused knock is recorded with its code and names cut to a bound', async () => {
    const bed = new Bed([]);
    await bed.knock(new ToyKnock(bed.exchange, 'x'.repeat(100_000)));
    expect(bed.rejections).toEqual([
      { protocol: 'postgres', wants: 'x'.repeat(256), claimedName: 'app', code: 'SCRIM_AUTH_AUDIENCE' },
    ]);
  });
  test('a database the connection does not list is refused, a listed one opens', async () => {
    expect(
      await rejectedWith(
        () => {},
        (bed) => new ToyKnock(bed.exchange, 'shop', 'postgres'),
      ),
    ).toBe('SCRIM_CONNECTION_FORBIDDEN');
    const bed = new Bed([]);
    const knock = await bed.knock(new ToyKnock(bed.exchange, 'shop', 'archive'));
    expect(knock.grant?.details.part).toBe('archive');
  });
  test('a caller that is gone when it is refused fails nothing', async () => {
    const bed = new Bed([]);
    bed.identify = () => Promise.reject(refuse('SCRIM_AUTH_INVALID'));
    const knock = new ToyKnock(bed.exchange);
    knock.rejectBreaks = true;
    await bed.knock(knock);
    expect(bed.failures).toEqual([new Error('the caller is gone')]);
  });
});

describe('tokens bound to no connection', () => {
  const opens = async (policies: Rules[], groups: string[]): Promise<string | undefined> => {
    const bed = new Bed([]);
    bed.snapshot = snapshotOf(policies, TRUSTED);
    bed.caller = { ...UNBOUND, groups };
    return (await bed.knock()).rejected?.code;
  };
  test('open a connection where a policy names their groups or its labels', async () => {
    expect(await opens([{ match: { groups: ['ci'] } }], ['ci'])).toBeUndefined();
    expect(await opens([{ match: { labels: { env: 'prod' } } }], [])).toBeUndefined();
  });
  test('open nothing otherwise, not even by a policy for everything', async () => {
    expect(await opens([], ['ci'])).toBe('SCRIM_CONNECTION_UNKNOWN');
    expect(await opens([{ match: { groups: ['other'] } }], ['ci'])).toBe('SCRIM_CONNECTION_UNKNOWN');
    expect(await opens([{}], ['ci'])).toBe('SCRIM_CONNECTION_UNKNOWN');
  });
  test('cannot tell a connection that exists from one that does not', async () => {
    const refusals = [];
    for (const wants of ['shop', 'nowhere']) {
      const bed = new Bed([]);
      bed.snapshot = snapshotOf([], TRUSTED);
      bed.caller = UNBOUND;
      refusals.push((await bed.knock(new ToyKnock(bed.exchange, wants))).rejected);
    }
    expect(refusals[0]).toEqual(refusals[1]);
  });
});

describe('while the target is being reached', () => {
  async function dialing(policies: Rules[], meanwhile: (bed: Bed) => void): Promise<Bed> {
    const bed = new Bed(policies);
    bed.caller = { ...ALICE, expiresAt: 5_000 };
    const knock = new ToyKnock(bed.exchange);
    knock.dial = async () => {
      await tick();
      meanwhile(bed);
    };
    bed.exchange.waiting = [operation(SELECT)];
    await bed.knock(knock);
    return bed;
  }
  test('new rules count from the first byte', async () => {
    const bed = await dialing([], (it) => it.apply([SSN]));
    await bed.target(rows(PLAIN, '123\n'));
    expect(bed.forwarded()).toEqual(['SELECT 1', '***MASKED***\n']);
  });
  test.each<[string, (bed: Bed) => void, string]>([
    ['the token is revoked', (bed) => bed.pipeline.revoke('token-1'), 'revoked'],
    ['the connection goes', (bed) => bed.apply([], { connections: [] }), 'revoked'],
    ['the edge stops', (bed) => void bed.pipeline.stop(), 'shutdown'],
    [
      "the snapshot's lifetime ends",
      (bed) => {
        bed.now = Number.MAX_SAFE_INTEGER;
      },
      'revoked',
    ],
    [
      'the token expires',
      (bed) => {
        bed.now = 5_000;
      },
      'expired',
    ],
    ['the record fails', (bed) => bed.onRecordFailure?.(refuse('SCRIM_UNRECORDED') as never), 'broken'],
  ])('a session ends before its first byte when %s', async (_name, meanwhile, ending) => {
    const bed = await dialing([{}], meanwhile);
    expect(bed.forwarded()).toEqual([]);
    expect(bed.whats()).not.toContain('start');
    expect(bed.whats()).toContain('close');
    expect(bed.recorded('closed')).toMatchObject([{ ending }]);
    expect(bed.pipeline.openSessions).toBe(0);
  });
  test('a target that refuses is told to the caller by the protocol alone', async () => {
    const bed = new Bed([]);
    const knock = new ToyKnock(bed.exchange);
    knock.dial = () => Promise.reject(refuse('SCRIM_TARGET_UNREACHABLE'));
    void bed.knock(knock);
    await tick();
    expect(knock.rejections).toBe(0);
    expect(bed.recorded('closed')).toEqual([{ ending: 'refused', code: 'SCRIM_TARGET_UNREACHABLE' }]);
  });
  test('a protocol that fails is refused in its place, without its reasons', async () => {
    const bed = new Bed([]);
    const knock = new ToyKnock(bed.exchange);
    knock.dial = () => Promise.reject(new Error('10.0.0.5:5432'));
    await bed.knock(knock);
    expect(knock.rejected).toEqual({
      code: 'SCRIM_INTERNAL',
      message: 'the edge failed and closed the operation',
    });
  });
  test('an exchange that cannot start is closed and forgotten', async () => {
    const bed = new Bed([]);
    bed.exchange.breaks = 'start';
    await bed.knock();
    expect([bed.closedWith(), bed.pipeline.openSessions]).toEqual(['SCRIM_INTERNAL', 0]);
  });
});

describe('open sessions end', () => {
  test.each<[string, (bed: Bed) => void, string]>([
    ['when their token is revoked', (bed) => bed.pipeline.revoke('token-1'), 'SCRIM_AUTH_REVOKED'],
    [
      'when the snapshot lists their token as revoked',
      (bed) =>
        bed.apply([], { tokens: { ...TRUSTED.tokens, revoked: [{ tokenId: 'token-1', until: 9e15 }] } }),
      'SCRIM_AUTH_REVOKED',
    ],
    ['when their connection goes', (bed) => bed.apply([], { connections: [] }), 'SCRIM_CONNECTION_UNKNOWN'],
    [
      'when new rules do not compile',
      (bed) => bed.apply([{ mask: [{ detect: ['no.such'] }] }]),
      'SCRIM_INTERNAL',
    ],
    [
      'when the policy records otherwise',
      (bed) => bed.apply([{ record: { content: 'none' } }]),
      'SCRIM_UNRECORDED',
    ],
    [
      'when the record fails',
      (bed) => bed.onRecordFailure?.(refuse('SCRIM_UNRECORDED') as never),
      'SCRIM_UNRECORDED',
    ],
  ])('%s', async (_name, happens, code) => {
    const bed = await Bed.open([]);
    happens(bed);
    await bed.say(operation(SELECT));
    expect([bed.closedWith(), bed.forwarded()]).toEqual([code, []]);
  });
  test('when a policy no longer opens the connection to their groups, or their issuer is no longer trusted', async () => {
    for (const change of ['policy', 'issuer']) {
      const bed = new Bed([]);
      const match: Rules = { match: { groups: ['strangers'] } };
      bed.snapshot = snapshotOf([match], TRUSTED);
      bed.caller = UNBOUND;
      await bed.knock();
      bed.apply([match], TRUSTED);
      expect(bed.closedWith()).toBeUndefined();
      if (change === 'policy') bed.apply([], TRUSTED);
      else bed.apply([match]);
      expect(bed.closedWith()).toBe(change === 'policy' ? 'SCRIM_CONNECTION_UNKNOWN' : 'SCRIM_AUTH_INVALID');
    }
  });
  test('when their token expires, and not before', async () => {
    const bed = new Bed([]);
    bed.caller = { ...ALICE, expiresAt: bed.now + 60 };
    await bed.knock();
    expect(bed.closedWith()).toBeUndefined();
    bed.now += 60;
    await new Promise((resolve) => setTimeout(resolve, 90));
    expect(bed.closedWith()).toBe('SCRIM_AUTH_EXPIRED');
    expect(bed.recorded('closed')).toMatchObject([{ ending: 'expired' }]);
  });
  test("another token's sessions stay", async () => {
    const bed = await Bed.open([]);
    bed.pipeline.revoke('token-2');
    expect(bed.pipeline.openSessions).toBe(1);
  });
  test('one that cannot be closed does not keep new rules from the others', async () => {
    const bed = await Bed.open([]);
    const first = bed.exchange.relay;
    await bed.knock(new ToyKnock(bed.exchange));
    bed.exchange.breaks = 'close';
    bed.caller = ALICE;
    bed.apply([], { connections: [] });
    await first?.fromCaller([operation(SELECT)]);
    await bed.say(operation(SELECT));
    expect(bed.forwarded()).toEqual([]);
    await tick();
    expect(bed.pipeline.openSessions).toBe(0);
  });
});

describe('stop', () => {
  test('ends open sessions, takes held operations back and refuses what comes', async () => {
    const hold: Rules = {
      guard: [{ when: { sql: { effects: ['read'] } }, do: 'hold' }],
      approve: { by: ['dba'] },
    };
    const bed = await Bed.open([hold]);
    const waiting = bed.say(operation(SELECT));
    await bed.pipeline.stop();
    bed.asked[0]?.answer(approved());
    await waiting;
    expect(bed.asked[0]?.signal.reason).toBe('withdrawn');
    expect(bed.forwarded()).toEqual([]);
    expect(bed.recorded('closed')).toMatchObject([{ ending: 'shutdown' }]);
    const late = await bed.knock();
    expect(late.rejected?.message).toBe('the edge is stopping');
  });
  test('waits for sessions whose target is still being reached', async () => {
    const bed = new Bed([]);
    const knock = new ToyKnock(bed.exchange);
    let reached: (() => void) | undefined;
    knock.dial = () =>
      new Promise((resolve) => {
        reached = resolve;
      });
    const knocking = bed.knock(knock);
    await tick();
    let stopped = false;
    const stop = bed.pipeline.stop().then(() => {
      stopped = true;
    });
    await tick();
    expect(stopped).toBe(false);
    reached?.();
    await Promise.all([stop, knocking]);
    expect(bed.recorded('closed')).toMatchObject([{ ending: 'shutdown' }]);
  });
});
