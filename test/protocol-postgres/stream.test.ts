import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  type Behaviour,
  type Catalog,
  duplexPair,
  exchangeBetween,
  loadParser,
} from '@scrim/protocol-postgres/testing';
import {
  bind,
  closeStatement,
  cstr,
  describePortal,
  describeStatement,
  execute,
  flush,
  parse,
  RawSession,
  split,
  sync,
  Target,
  typed,
  types,
} from './harness.ts';

let target: Target;
let raw: RawSession;
let table: number;

beforeAll(async () => {
  await loadParser();
  target = await Target.start();
  raw = await target.direct();
  const [row] = split(await raw.query("select 'customers'::regclass::oid")).filter(
    ({ type }) => type === 'D',
  );
  table = Number(row?.body.toString('utf8', 6));
}, 60_000);
afterAll(async () => await target.stop(), 30_000);

/** What a caller sends before it waits, and the message it waits for. */
type Step = readonly [Buffer, string, number?];
const CONVERSATION: readonly Step[] = [
  [typed('Q', cstr('select * from customers order by id limit 3; select 1; set application_name to x')), 'Z'],
  [typed('Q', cstr('begin; select 1/0')), 'Z'],
  [typed('Q', cstr('rollback')), 'Z'],
  [
    Buffer.concat([
      parse('s', 'select ssn, id, born from customers where id = $1'),
      describeStatement('s'),
      bind('p', 's', ['2'], [1]),
      describePortal('p'),
      execute('p'),
      bind('', 's', ['3']),
      describePortal(''),
      execute('', 1),
      flush,
    ]),
    's',
  ],
  [Buffer.concat([execute('', 1), closeStatement('s'), sync]), 'Z'],
  [Buffer.concat([parse('', 'selec'), bind('', ''), execute(''), sync, parse('', 'select 2'), sync]), 'Z', 2],
  [typed('Q', cstr('copy customers (id, ssn) to stdout')), 'Z'],
  [typed('Q', cstr('create temp table got (like customers)')), 'Z'],
  [typed('Q', cstr('copy got from stdin')), 'G'],
  [
    Buffer.concat([
      typed('d', Buffer.from('1\tx\ty\t')),
      typed('d', Buffer.from('2000-01-01\n')),
      typed('c'),
    ]),
    'Z',
  ],
  [
    Buffer.concat([parse('', 'copy got from stdin'), bind('', ''), describePortal(''), execute(''), sync]),
    'G',
  ],
  [Buffer.concat([typed('d', Buffer.from('2\tx\ty\t2000-01-01\n')), typed('c'), sync]), 'Z'],
  [typed('Q', cstr('copy got from stdin')), 'G'],
  [Buffer.concat([typed('d', Buffer.from('bad\n')), typed('c')]), 'Z'],
  [typed('Q', cstr('listen a; notify a')), 'Z'],
  [typed('Q', cstr('')), 'Z'],
  [sync, 'Z'],
];

function catalog(): Catalog {
  const names = ['', 'id', 'name', 'ssn', 'born'];
  return {
    version: '1',
    column: (oid, attnum) =>
      oid === table
        ? { origins: [{ schema: 'public', table: 'customers', column: names[attnum] ?? '' }], exact: true }
        : undefined,
    type: () => undefined,
    relations: () => [],
    reach: () => [],
    refresh: async () => undefined,
    stale: () => undefined,
  };
}

/** Replays what the real server said through an exchange, both ways in chunks of `size`, and returns what came out. */
async function replay(
  recorded: readonly { sent: Buffer; said: Buffer }[],
  size: number,
  behaviour: Behaviour,
): Promise<{ toTarget: Buffer; toCaller: Buffer }> {
  const [caller, callerEnd] = duplexPair();
  const [server, serverEnd] = duplexPair();
  const out: { toTarget: Buffer[]; toCaller: Buffer[] } = { toTarget: [], toCaller: [] };
  serverEnd.on('data', (chunk: Buffer) => out.toTarget.push(chunk));
  callerEnd.on('data', (chunk: Buffer) => out.toCaller.push(chunk));
  const relay = exchangeBetween(caller, server, catalog(), behaviour);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  await settle();
  out.toCaller.length = 0;
  for (const { sent, said } of recorded) {
    for (const [bytes, end] of [
      [sent, callerEnd],
      [said, serverEnd],
    ] as const) {
      for (let at = 0; at < bytes.length; at += size) end.write(Buffer.from(bytes.subarray(at, at + size)));
      await settle();
    }
  }
  expect(relay.endings).toEqual([]);
  callerEnd.end();
  serverEnd.end();
  return { toTarget: Buffer.concat(out.toTarget), toCaller: Buffer.concat(out.toCaller) };
}

/** The conversation as the target has it with the gateway: its Describes for COPY are asked for real. */
async function record(): Promise<{ sent: Buffer; said: Buffer }[]> {
  const session = await target.direct();
  const recorded: { sent: Buffer; said: Buffer }[] = [];
  for (const [sent, type, count] of CONVERSATION) {
    session.send(sent);
    recorded.push({ sent, said: await session.until(type, count) });
  }
  session.end();
  return recorded;
}

test('a conversation cut anywhere, both ways, gives the same bytes', async () => {
  // COPY asks a question of our own, whose answer is not in the recording: it has a test of its own below.
  const recorded = (await record()).filter(({ sent }) => !sent.includes('to stdout'));
  // What reaches the target also holds our own Describe, so it is compared with what whole chunks send there.
  const sent = (await replay(recorded, 65_536, {})).toTarget;
  const said = Buffer.concat(recorded.map((step) => step.said));
  for (const size of [1, 2, 3, 5, 7, 64, 65_536]) {
    const { toTarget, toCaller } = await replay(recorded, size, {});
    expect(toTarget.equals(sent)).toBe(true);
    expect(types(toCaller)).toBe(types(said));
    expect(toCaller.equals(said)).toBe(true);
  }
  const masked = await replay(recorded, 65_536, { mask: { 'customers.ssn': '***' } });
  expect(masked.toCaller.includes('***')).toBe(true);
  expect(masked.toCaller.includes('123-45-1')).toBe(false);
  for (const size of [1, 3]) {
    const cut = await replay(recorded, size, { mask: { 'customers.ssn': '***' } });
    expect(cut.toCaller.equals(masked.toCaller)).toBe(true);
  }
}, 60_000);

test('COPY data whose rows are cut by message borders is joined, masked, and bounded', async () => {
  const payload = Buffer.from('1,"a\nb",x\n2,"c""d",y\n3,,z\n');
  const copyOut = Buffer.concat([typed('H', Buffer.from([0, 0, 3, 0, 0, 0, 0, 0, 0]))]);
  const described = Buffer.concat([
    typed('1'),
    typed('t', Buffer.from([0, 0])),
    typed(
      'T',
      Buffer.concat([
        Buffer.from([0, 3]),
        ...['id', 'name', 'ssn'].map((name, i) => {
          const field = Buffer.alloc(18);
          field.writeUInt32BE(table);
          field.writeInt16BE(i + 1, 4);
          field.writeUInt32BE(25, 6);
          return Buffer.concat([cstr(name), field]);
        }),
      ]),
    ),
    typed('3'),
    typed('Z', Buffer.from('I')),
  ]);
  for (let cut = 1; cut < payload.length; cut++) {
    const data = [typed('d', payload.subarray(0, cut)), typed('d', payload.subarray(cut))];
    const said = Buffer.concat([
      described,
      copyOut,
      ...data,
      typed('c'),
      typed('C', cstr('COPY 3')),
      typed('Z', Buffer.from('I')),
    ]);
    const sent = typed('Q', cstr('copy customers (id, name, ssn) to stdout csv'));
    const { toCaller } = await replay([{ sent, said }], 65_536, {
      mask: { 'customers.name': 'M', 'customers.ssn': null },
    });
    const out = Buffer.concat(
      split(toCaller)
        .filter(({ type }) => type === 'd')
        .map(({ body }) => body),
    );
    expect(out.toString()).toBe('1,"M",\n2,"M",\n3,,\n');
  }
});

/** The same answer with table OIDs and temporary schemas blanked: those of two sessions differ. */
function withoutTables(answer: Buffer): string {
  const copy = Buffer.from(answer);
  for (const { type, body } of split(copy)) {
    if (type !== 'T') continue;
    let at = 2;
    for (let i = body.readUInt16BE(0); i > 0; i--) {
      at = body.indexOf(0, at) + 1;
      body.writeUInt32BE(0, at);
      at += 18;
    }
  }
  return copy.toString('latin1').replace(/pg_temp_\d+/g, 'pg_temp');
}

test('a corpus of statements gives the same bytes direct and through the gateway', async () => {
  const gateway = await target.gateway();
  const through = await RawSession.login(gateway.port);
  const direct = await RawSession.login(gateway.port);
  direct.end();
  const plain = await target.direct();
  const corpus = [
    'select * from customers',
    "select 1 as a, null as b, 'x' as c; select 2",
    "select * from generate_series(1, 500) g, repeat('x', 100)",
    'copy customers to stdout',
    'copy customers to stdout (format binary)',
    'copy (select 1, 2) to stdout csv header',
    'explain (costs off) select * from customers',
    'begin',
    'savepoint a',
    'select 1/0',
    'select 1',
    'rollback to a',
    'declare c cursor for select * from customers',
    'fetch 3 from c',
    'move 2 from c',
    'close c',
    'commit',
    'create temp table t(a int primary key, b int[])',
    "insert into t values (1, '{1,2}'), (2, null) returning *",
    'insert into t values (1, null)',
    'update t set a = a + 10 returning a',
    'table t',
    'drop table t',
    'drop table if exists t',
    "do $$ begin raise notice 'hello %', 1; end $$",
    'set datestyle to german',
    'show datestyle',
    'reset all',
    'prepare p as select $1::int',
    'execute p(3)',
    'deallocate p',
    'vacuum customers',
    'selec',
    '',
    ';',
    '-- nothing',
    "select '\\x00ff'::bytea, '{\"a\":1}'::jsonb, row(1, 2), now() is null, interval '1 day'",
    'lock table customers',
    'with x as (select 1) select * from x union all select 2',
    'values (1), (2)',
    'discard all',
  ];
  for (const sql of corpus) {
    const [a, b] = [await plain.query(sql), await through.query(sql)];
    expect([sql, types(b)]).toEqual([sql, types(a)]);
    expect([sql, withoutTables(b) === withoutTables(a)]).toEqual([sql, true]);
  }
  through.end();
  plain.end();
}, 60_000);

test('whatever either side sends, rows that were not described never pass, and nothing escapes', async () => {
  const escaped: unknown[] = [];
  const note = (error: unknown): void => void escaped.push(error);
  process.on('unhandledRejection', note);
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return seed % below;
  };
  const letters = 'QPBDECHSFXdcfpyTRKZ123nstIANGVW';
  const secret = wireRow('undescribed secret');
  for (let round = 0; round < 400; round++) {
    const [caller, callerEnd] = duplexPair();
    const [server, serverEnd] = duplexPair();
    for (const end of [caller, server, callerEnd, serverEnd]) end.on('error', () => undefined);
    const heard: Buffer[] = [];
    callerEnd.on('data', (chunk: Buffer) => heard.push(chunk));
    serverEnd.resume();
    exchangeBetween(caller, server, catalog(), { mask: { 'customers.ssn': '***' } });
    for (let i = 0; i < 12; i++) {
      const body = Buffer.from(Array.from({ length: random(24) }, () => (random(3) === 0 ? 0 : random(256))));
      const sent = random(3) === 0 ? secret : typed(letters[random(letters.length)] as string, body);
      const end = random(2) === 0 ? callerEnd : serverEnd;
      if (!end.writableEnded && !(sent === secret && end === callerEnd)) end.write(sent);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(Buffer.concat(heard).includes('undescribed secret')).toBe(false);
    callerEnd.destroy();
    serverEnd.destroy();
    caller.destroy();
    server.destroy();
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  expect(escaped).toEqual([]);
}, 30_000);

function wireRow(text: string): Buffer {
  return typed('D', Buffer.from([0, 1]), Buffer.from([0, 0, 0, text.length]), Buffer.from(text));
}

test('200 MB flow with flat memory, unchanged, also when the caller reads slowly', async () => {
  const gateway = await target.gateway();
  const session = await RawSession.login(gateway.port);
  session.socket.removeAllListeners('data');
  let total = 0;
  let peak = 0;
  const hash = createHash('md5');
  const started = process.memoryUsage().rss;
  session.send(typed('Q', cstr("select repeat('x', 2000) from generate_series(1, 100000)")));
  await new Promise<void>((resolve) => {
    let last = Buffer.alloc(0);
    session.socket.on('data', (chunk: Buffer) => {
      if (total === 0) {
        session.socket.pause();
        setTimeout(() => session.socket.resume(), 700);
      }
      total += chunk.length;
      hash.update(chunk);
      peak = Math.max(peak, process.memoryUsage().rss);
      last = Buffer.concat([last, chunk]).subarray(-6);
      if (last.toString('latin1') === 'Z\0\0\0\x05I') resolve();
    });
  });
  expect(total).toBeGreaterThan(200_000_000);
  // Gateway, caller and all their garbage live in this one process.
  expect((peak - started) >> 20).toBeLessThan(150);
  session.end();
}, 60_000);
