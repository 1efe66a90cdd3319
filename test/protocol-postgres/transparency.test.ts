import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Stand, startStand } from '../e2e/stand.ts';
import {
  type Answer,
  bind,
  close,
  describe as describeMessage,
  execute,
  parse,
  query,
  SYNC,
  WireClient,
} from '../e2e/wire-client.ts';
import { Drip } from './drip.ts';
import { SCRIPT } from './transparency-script.ts';

const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: test }
  - name: dripping
    protocol: postgres
    target: { host: 127.0.0.1, port: $DRIP, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: test }
policies:
  - name: elsewhere
    match: { labels: { env: prod } }
    mask:
      - { column: "customers.ssn", with: redact }
`;

let stand: Stand;
let token: string;
let drippingToken: string;
/** Before the edge and behind it. */
let drips: readonly [Drip, Drip];

beforeAll(async () => {
  drips = [await Drip.start(() => stand.ready().postgres), await Drip.start(() => stand.target)];
  const document = DOCUMENT.replace('$DRIP', String(drips[1].port));
  stand = await startStand({ setup: 'select 1', document });
  token = await stand.token();
  drippingToken = await stand.token({ connection: 'dripping' });
}, 90_000);
afterAll(async () => {
  for (const drip of drips ?? []) await drip.stop();
  await stand?.stop();
}, 60_000);

const LANES = {
  edge: () => WireClient.connect({ ...stand.ready().postgres, database: 'shop', password: token }),
  dripping: () =>
    WireClient.connect({
      host: '127.0.0.1',
      port: drips[0].port,
      database: 'dripping',
      password: drippingToken,
    }),
  direct: () => {
    const { host, port } = stand.target;
    return WireClient.connect({
      host,
      port,
      user: 'postgres',
      database: 'shop',
      password: 'target-password-1',
    });
  },
};

/** First OID of objects that initdb did not make: those of one run are not those of the next. */
const USER_OBJECTS = 16_384;

/** A message as text; OIDs of what the script itself made, and process numbers of NOTIFY, are left out. */
function shown({ type, body }: Answer): string {
  const bytes = Buffer.from(body);
  if (type === 'A') bytes.writeInt32BE(0);
  if (type === 'T') {
    for (let at = 2, left = bytes.readUInt16BE(0); left > 0; left--) {
      at = bytes.indexOf(0, at) + 1;
      for (const oid of [at, at + 6])
        if (bytes.readUInt32BE(oid) >= USER_OBJECTS) bytes.writeUInt32BE(0, oid);
      at += 18;
    }
  }
  if (type === 't') {
    for (let at = 2; at < bytes.length; at += 4)
      if (bytes.readUInt32BE(at) >= USER_OBJECTS) bytes.writeUInt32BE(0, at);
  }
  return `${type} ${bytes.toString('latin1')}`;
}

/**
 * The columns of a COPY are asked for before it runs: a relation or column that does not exist is found by that
 * question, in other words and from another place of the server's source. Its SQLSTATE is the same.
 */
function copyError(text: string): string {
  return text.startsWith('E ')
    ? text
        .split('\0')
        .filter((field) => /^(?:E S|V|C)/.test(field))
        .join()
    : text;
}

/** Binary rows and arrays carry OIDs of the script's own types inside: their lengths are compared. */
function loosely(text: string): string {
  return text.startsWith('D ') || text.startsWith('d ') ? `D ${text.length}` : text;
}

type Play = (client: WireClient, sql: string) => Promise<Answer[]>;

const extended =
  (format: 0 | 1): Play =>
  async (client, sql) =>
    await client.exchange([
      parse('', sql),
      describeMessage('S'),
      bind({ results: [format] }),
      describeMessage('P'),
      execute('', 0),
      close('P'),
      SYNC,
    ]);

const WAYS: Readonly<Record<string, Play>> = {
  'the simple protocol': (client, sql) => client.query(sql),
  'the extended protocol, text': extended(0),
  'the extended protocol, binary': extended(1),
  'row limits': async (client, sql) =>
    await client.exchange(
      [
        parse('named', sql),
        bind({ portal: 'p', statement: 'named' }),
        execute('p', 1),
        execute('p', 2),
        execute('p', 0),
        close('S', 'named'),
        SYNC,
        query('deallocate all'),
      ],
      2,
    ),
};

async function play(lane: keyof typeof LANES, way: Play): Promise<string[][]> {
  const client = await LANES[lane]();
  const seen: string[][] = [];
  for (const sql of SCRIPT) seen.push((await way(client, sql)).map(shown));
  client.end();
  return seen;
}

test('the script has some hundred statements', () => {
  expect(SCRIPT.length).toBeGreaterThan(300);
});

describe('with a policy that matches nothing, every message is the one the server sends:', () => {
  test.each(Object.keys(WAYS))(
    '%s',
    async (name) => {
      const way = WAYS[name] as Play;
      const straight = await play('direct', way);
      const ours = await play('edge', way);
      const exact = name !== 'the extended protocol, binary';
      const different = SCRIPT.flatMap((sql, i) => {
        const asked = sql.startsWith('copy') && name !== 'the simple protocol';
        const [a, b] = [straight[i] ?? [], ours[i] ?? []].map((all) =>
          all.map((text) => (exact ? text : loosely(text))).map((text) => (asked ? copyError(text) : text)),
        );
        return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ sql, straight: a, ours: b }];
      });
      expect(different).toEqual([]);
    },
    120_000,
  );
});

test('the same when every message, on both sides of the edge, is cut at every byte', async () => {
  for (const way of [WAYS['the simple protocol'], WAYS['row limits']] as Play[]) {
    const straight = await play('direct', way);
    const ours = await play('dripping', way);
    const different = SCRIPT.filter((sql, i) => {
      const [a, b] = [straight[i] ?? [], ours[i] ?? []].map((all) =>
        sql.startsWith('copy') ? all.map(copyError) : all,
      );
      return JSON.stringify(a) !== JSON.stringify(b);
    });
    expect(different).toEqual([]);
  }
}, 240_000);
