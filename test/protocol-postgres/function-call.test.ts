import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Stand, startStand } from '../e2e/stand.ts';
import { leaked, SSNS, VAULT, VAULT_DOCUMENT } from '../e2e/vault.ts';
import { type Answer, field, int16, int32, message, types, WireClient } from '../e2e/wire-client.ts';

let stand: Stand;
let edge: WireClient;
let direct: WireClient;

beforeAll(async () => {
  const document = VAULT_DOCUMENT.replace(
    'mask:',
    'guard:\n      - { when: { sql: { effects: [admin] } }, do: block }\n    mask:',
  );
  stand = await startStand({ setup: VAULT, document });
  const { host, port } = stand.target;
  edge = await WireClient.connect({
    ...stand.ready().postgres,
    database: 'shop',
    password: await stand.token(),
  });
  direct = await WireClient.connect({
    host,
    port,
    user: 'postgres',
    database: 'shop',
    password: 'target-password-1',
  });
}, 90_000);
afterAll(async () => {
  edge?.end();
  direct?.end();
  await stand?.stop();
}, 60_000);

/** A FunctionCall with int4 and bytea arguments and a binary result. */
function call(oid: number, ...args: readonly (number | Buffer)[]): Buffer {
  const values = args.map((value) => (typeof value === 'number' ? int32(value) : value));
  const sized = values.flatMap((value) => [int32(value.length), value]);
  return message('F', int32(oid), int16(1), int16(1), int16(args.length), ...sized, int16(1));
}

const LO_OPEN = 952;
const LO_CLOSE = 953;
const LO_READ = 954;
const LO_WRITE = 955;
const LO_CREATE = 715;
const LO_EXPORT = 765;
const READ_WRITE = 0x60000;

const result = (answers: readonly Answer[]): number =>
  answers.find(({ type }) => type === 'V')?.body.readInt32BE(4) ?? -1;

test('large objects are made, written and read by function-call messages, as drivers do', async () => {
  for (const client of [edge, direct]) {
    const oid = client === edge ? 88_001 : 88_002;
    await client.query('begin');
    expect(result(await client.exchange([call(LO_CREATE, oid)]))).toBe(oid);
    const open = await client.exchange([call(LO_OPEN, oid, READ_WRITE)]);
    expect(types(open)).toBe('VZ');
    const descriptor = result(open);
    expect(result(await client.exchange([call(LO_WRITE, descriptor, Buffer.from('some bytes'))]))).toBe(10);
    expect(result(await client.exchange([call(LO_CLOSE, descriptor)]))).toBe(0);
    expect(types(await client.query('rollback'))).toBe('CZ');
  }
});

test('what reading gives can be any value of the database: it is masked', async () => {
  const made = await direct.query(`select lo_from_bytea(88003, ssn::bytea) from customers where id = 1`);
  expect(types(made)).toBe('TDCZ');
  for (const client of [edge, direct]) {
    await client.query('begin');
    const descriptor = result(await client.exchange([call(LO_OPEN, 88_003, READ_WRITE)]));
    const read = await client.exchange([call(LO_READ, descriptor, 100)]);
    expect(types(read)).toBe('VZ');
    const said = read[0]?.body.toString() ?? '';
    expect(said.includes(SSNS[0] as string)).toBe(client === direct);
    await client.query('rollback');
  }
  expect(leaked(edge.received())).toEqual([]);
});

test('a mask is not written into a large object', async () => {
  await edge.query('begin');
  await edge.exchange([call(LO_CREATE, 88_004)]);
  const descriptor = result(await edge.exchange([call(LO_OPEN, 88_004, READ_WRITE)]));
  const written = await edge.exchange([call(LO_WRITE, descriptor, Buffer.from('ssn: ***MASKED***'))]);
  expect(types(written)).toBe('EZ');
  expect(field(written[0], 'C')).toBe('42501');
  await edge.query('rollback');
});

test('other functions are refused, and the session goes on', async () => {
  const refused = await edge.exchange([call(LO_EXPORT, 88_003, Buffer.from('/tmp/never'))]);
  expect(types(refused)).toBe('EZ');
  expect(field(refused[0], 'C')).toBe('42501');
  const upper = await edge.exchange([call(871, Buffer.from('x'))]);
  expect(types(upper)).toBe('EZ');
  expect(types(await edge.query('select 1'))).toBe('TDCZ');
});
