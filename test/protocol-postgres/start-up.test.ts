import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Gateway } from '@scrim/protocol-postgres/testing';
import pg from 'pg';
import {
  cstr,
  errorOf,
  i32,
  RawSession,
  rowsOf,
  split,
  startup,
  sync,
  Target,
  TOKEN,
  typed,
  types,
} from './harness.ts';

let target: Target;
let gateway: Gateway;
let folder: string;
let tls: { key: string; cert: string };
const SSL = Buffer.concat([i32(8), i32(80877103)]);
const GSS = Buffer.concat([i32(8), i32(80877104)]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrim-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
      .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'])
      .concat(['-keyout', key, '-out', cert]),
    { stdio: 'ignore' },
  );
  tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  const own = join(folder, 'server.key');
  writeFileSync(own, tls.key, { mode: 0o600 });
  chmodSync(folder, 0o755);
  if (process.getuid?.() === 0) chownSync(own, 65534, 65534);
  target = await Target.start({ ssl: 'on', ssl_key_file: own, ssl_cert_file: cert });
  gateway = await target.gateway({ tls, limits: { handshakeTimeout: 4_000 } });
}, 60_000);
afterAll(async () => {
  await target.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

async function pgClient(options: pg.ClientConfig, port = gateway.port): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'alice',
    database: 'shop',
    password: TOKEN,
    ...options,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

describe('start-up', () => {
  test('a packet in pieces, one byte at a time', async () => {
    const raw = await RawSession.open(gateway.port);
    for (const byte of startup({ user: 'alice', database: 'shop' })) {
      raw.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(types(await raw.until('R'))).toBe('R');
    raw.end();
  });

  test('the wrong token is refused with class 28 and a hint', async () => {
    const error = await pgClient({ password: 'wrong' }).catch((e: pg.DatabaseError) => e);
    expect(error).toMatchObject({ code: '28P01', severity: 'FATAL', hint: 'get a new one' });
  });

  test('user, database and settings reach who they are for', async () => {
    const client = await pgClient({ database: 'shop/other', user: 'bob' }).catch((e: pg.DatabaseError) => e);
    expect(gateway.knocks.at(-1)).toMatchObject({ wants: 'shop', part: 'other', claimedName: 'bob' });
    expect(client).toMatchObject({ code: '08006', message: 'the target has no such database' });
    const raw = await RawSession.login(gateway.port, {
      options: '-c work_mem=5MB',
      DateStyle: 'German',
      application_name: 'me',
    });
    expect(
      rowsOf(await raw.query("select current_setting('work_mem'), date '2020-02-01', current_user")),
    ).toEqual([['5MB', '01.02.2020', 'app']]);
    expect(gateway.knocks.at(-1)?.attributes).toMatchObject({
      application_name: 'me',
      client_address: '127.0.0.1',
    });
    raw.end();
  });

  test('a setting the target refuses is told without the target', async () => {
    const raw = await RawSession.open(gateway.port);
    raw.send(startup({ user: 'alice', database: 'shop', work_mem: 'lots' }));
    await raw.until('R');
    raw.send(typed('p', cstr(TOKEN)));
    expect(errorOf(await raw.whenClosed())).toMatchObject({ C: '0A000', S: 'FATAL' });
  });

  test('protocol 3.2 gets a long cancel key, newer ones and unknown options are negotiated, 2.0 is refused', async () => {
    const raw = await RawSession.open(gateway.port);
    raw.send(startup({ user: 'alice', database: 'shop', '_pq_.fancy': '1' }, (3 << 16) | 9999));
    const [negotiated] = split(await raw.until('R'));
    expect(negotiated?.type).toBe('v');
    expect(negotiated?.body).toEqual(Buffer.concat([i32((3 << 16) | 2, 1), cstr('_pq_.fancy')]));
    raw.send(typed('p', cstr(TOKEN)));
    const key = split(await raw.until('Z')).find(({ type }) => type === 'K');
    expect(key?.body.length).toBe(36);
    raw.end();
    const old = await RawSession.open(gateway.port);
    old.send(startup({ user: 'alice' }, 2 << 16));
    expect(errorOf(await old.whenClosed()).C).toBe('0A000');
  });

  test('replication is refused', async () => {
    const raw = await RawSession.open(gateway.port);
    raw.send(startup({ user: 'alice', database: 'shop', replication: 'database' }));
    expect(errorOf(await raw.whenClosed()).C).toBe('0A000');
  });
});

describe('TLS towards the caller', () => {
  test('by SSLRequest, after a refused GSSENCRequest, with the whole session behind it', async () => {
    const client = await pgClient({ ssl: { rejectUnauthorized: false } });
    expect((await client.query('select ssn from customers limit 1')).rows).toHaveLength(1);
    expect(gateway.knocks.at(-1)?.attributes.tls).toBe('true');
    await client.end();
    const raw = await RawSession.open(gateway.port);
    raw.send(GSS);
    while (raw.pending.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(raw.pending.toString()).toBe('N');
    raw.end();
  });

  test('direct, with ALPN, and not without', async () => {
    const open = (ALPNProtocols: string[]): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({
          port: gateway.port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          ALPNProtocols,
        });
        socket.on('secureConnect', () => socket.write(startup({ user: 'alice', database: 'shop' })));
        socket.on('data', (data) => resolve(types(data)));
        socket.on('error', () => resolve('error'));
        socket.on('close', () => resolve('closed'));
      });
    expect(await open(['postgresql'])).toBe('R');
    expect(await open([])).not.toBe('R');
  });

  test('bytes in clear stuffed behind an SSLRequest are an error, and never a session', async () => {
    const raw = await RawSession.open(gateway.port);
    raw.send(SSL, startup({ user: 'alice', database: 'shop' }));
    const said = await raw.whenClosed();
    expect(errorOf(said).C).toBe('08P01');
    expect(gateway.rejected.at(-1)).toContain('in clear');
  });

  test('required: a session in clear is refused', async () => {
    const strict = await target.gateway({ tls, requireTls: true });
    const error = await pgClient({}, strict.port).catch((e: pg.DatabaseError) => e);
    expect(error).toMatchObject({ code: '28000', hint: 'connect with sslmode=require' });
    const client = await pgClient({ ssl: { rejectUnauthorized: false } }, strict.port);
    await client.end();
  });
});

describe('hostile start-ups close the connection, name why, and leave the gateway alive', () => {
  const garbage: [string, Buffer, string][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'impossible length'],
    ['a length of 2 GB', i32(0x7fffffff, 196608), 'impossible length'],
    ['a length of 10001', i32(10_001, 196608), 'impossible length'],
    ['a negative length', i32(-1, 196608), 'impossible length'],
    ['an unknown version', i32(8, 5), 'not the PostgreSQL protocol'],
    ['parameters without end', Buffer.concat([i32(13, 196608), Buffer.from('user\0')]), 'has no end'],
    [
      'a start-up in place of a password',
      Buffer.concat([startup({ user: 'a' }), startup({ user: 'a' })]),
      'another message',
    ],
    [
      'a query in place of a password',
      Buffer.concat([startup({ user: 'a' }), typed('Q', cstr('select 1'))]),
      'another message',
    ],
  ];
  test.each(garbage)('%s', async (_name, bytes, why) => {
    const raw = await RawSession.open(gateway.port);
    const before = gateway.rejected.length;
    raw.send(bytes);
    await raw.whenClosed();
    while (gateway.rejected.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(gateway.rejected[before]).toContain(why);
  });

  test('cut short, and dripping too slowly', async () => {
    const before = gateway.rejected.length;
    const cut = connect(gateway.port, '127.0.0.1', () => cut.end(startup({ user: 'a' }).subarray(0, 9)));
    const slow = await RawSession.open(gateway.port);
    slow.send(startup({ user: 'a' }).subarray(0, 6));
    await slow.whenClosed();
    while (gateway.rejected.length < before + 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(gateway.rejected.slice(before).sort()).toEqual([
      'the peer closed early',
      'the start-up took too long',
    ]);
    const raw = await RawSession.login(gateway.port);
    raw.end();
  });

  test('oversized and malformed messages inside a session', async () => {
    const small = await target.gateway({ limits: { maxMessage: 100_000 } });
    const big = await RawSession.login(small.port);
    big.send(Buffer.from('Q'), i32(200_000));
    expect(errorOf(await big.whenClosed())).toMatchObject({ S: 'FATAL', C: '54000' });
    const bad = await RawSession.login(small.port);
    bad.send(Buffer.from('Q'), i32(3));
    expect(errorOf(await bad.whenClosed())).toMatchObject({ S: 'FATAL' });
    const wide = await RawSession.login(small.port);
    wide.send(typed('Q', cstr("select repeat('x', 200000)")));
    const said = await wide.whenClosed();
    expect(types(said)).not.toContain('D');
    const stray = await RawSession.login(small.port);
    stray.send(typed('B', Buffer.from('no end')));
    expect(errorOf(await stray.whenClosed())).toMatchObject({ S: 'FATAL' });
    const fine = await RawSession.login(small.port);
    fine.send(sync);
    expect(types(await fine.until('Z'))).toBe('Z');
    fine.end();
  });
});

describe('targets that fail are told clearly and leak nothing', () => {
  const secrets = /127\.0\.0\.1|localhost|target-secret|\bapp\b|5\d{3,4}/;
  async function failure(over: Record<string, unknown>, password?: string): Promise<Record<string, string>> {
    const gate = await target.gateway({
      connection: target.connection(over),
      ...(password === undefined ? {} : { password }),
      limits: { targetTimeout: 700 },
    });
    const raw = await RawSession.open(gate.port);
    raw.send(startup({ user: 'alice', database: 'shop' }));
    await raw.until('R');
    raw.send(typed('p', cstr(TOKEN)));
    const fields = errorOf(await raw.whenClosed());
    expect(JSON.stringify(fields)).not.toMatch(secrets);
    expect(gate.failures).toHaveLength(1);
    return { ...fields, code: (gate.failures[0] as { code: string }).code };
  }

  test('nobody listens', async () => {
    expect(await failure({ port: 1 })).toMatchObject({ C: '08006', code: 'SCRIM_TARGET_UNREACHABLE' });
  });
  test('a wrong password', async () => {
    expect(await failure({}, 'nope')).toMatchObject({ C: '08006', code: 'SCRIM_TARGET_CREDENTIAL' });
  });
  test('a missing database', async () => {
    expect(await failure({ database: 'none' })).toMatchObject({ code: 'SCRIM_TARGET_UNREACHABLE' });
  });
  test('a certificate nobody trusts', async () => {
    expect(await failure({ tls: 'verify-full' })).toMatchObject({ C: '08006', code: 'SCRIM_TARGET_TLS' });
  });
  test('one that accepts and says nothing, and one that says nonsense', async () => {
    for (const answer of ['', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        if (answer) socket.end(answer);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      expect(await failure({ port })).toMatchObject({ code: 'SCRIM_TARGET_UNREACHABLE' });
      server.close();
    }
  });

  test('TLS to the target: required, and verified against a CA, with channel binding', async () => {
    for (const mode of ['require', { 'verify-full': { ca: tls.cert } }]) {
      const gate = await target.gateway({ connection: target.connection({ tls: mode }) });
      const raw = await RawSession.login(gate.port);
      expect(rowsOf(await raw.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()'))).toEqual([
        ['t'],
      ]);
      raw.end();
    }
  });

  test('it dies while a session runs', async () => {
    const gate = await target.gateway();
    const raw = await RawSession.login(gate.port);
    const [[pid]] = rowsOf(await raw.query('select pg_backend_pid()')) as [[string]];
    const killer = await target.direct();
    await killer.query(`select pg_terminate_backend(${pid})`);
    killer.end();
    expect(errorOf(await raw.whenClosed())).toMatchObject({ S: 'FATAL', C: '57P01' });
    expect(gate.relays[0]?.endings).toEqual(['target-left']);
  });
});

describe('cancel', () => {
  async function keyOf(port: number): Promise<{ raw: RawSession; key: Buffer }> {
    const raw = await RawSession.open(port);
    raw.send(startup({ user: 'alice', database: 'shop' }));
    await raw.until('R');
    raw.send(typed('p', cstr(TOKEN)));
    const key = split(await raw.until('Z')).find(({ type }) => type === 'K')?.body as Buffer;
    return { raw, key };
  }
  const request = (key: Buffer): Buffer => Buffer.concat([i32(8 + key.length, 80877102), key]);

  test('stops what runs, with our own key; another key stops nothing and is told nothing', async () => {
    const { raw, key } = await keyOf(gateway.port);
    const [[pid]] = rowsOf(await raw.query('select pg_backend_pid()')) as [[string]];
    expect(key.readInt32BE(0)).not.toBe(Number(pid));
    raw.send(typed('Q', cstr('select pg_sleep(20)')));
    const wrong = await RawSession.open(gateway.port);
    const forged = Buffer.from(key);
    forged[7] = (forged[7] as number) ^ 1;
    wrong.send(request(forged));
    expect((await wrong.whenClosed()).length).toBe(0);
    expect(raw.pending.length).toBe(0);
    const right = await RawSession.open(gateway.port);
    right.send(request(key));
    expect((await right.whenClosed()).length).toBe(0);
    expect(errorOf(await raw.until('Z')).C).toBe('57014');
    raw.end();
  });

  test('stops a held operation without asking the target', async () => {
    const gate = await target.gateway({
      behaviour: { hold: { when: /held/, until: () => new Promise(() => undefined) } },
    });
    const { raw, key } = await keyOf(gate.port);
    raw.send(typed('Q', cstr("select 'held'")));
    await raw.until('N');
    const stop = await RawSession.open(gate.port);
    stop.send(request(key));
    await stop.whenClosed();
    expect(errorOf(await raw.until('Z')).C).toBe('57014');
    raw.end();
  });
});
