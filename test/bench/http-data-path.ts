/**
 * What HTTP costs the edge's data path, without control plane or queue: processor time a request (small JSON), and
 * MB a second of processor time (a JSON array, events of a model). Target and callers are in another process, so that
 * `process.cpuUsage` here is the edge's alone and a busy machine does not distort it. Masking is on.
 * `npx tsx --conditions=source test/bench/http-data-path.ts [small|big|events]`, with `--cpu-prof` after `tsx` to profile.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentSchema, type Snapshot } from '@scrim/model';
import { Pipeline } from '@scrim/pipeline';
import { openHttpProtocol } from '@scrim/protocol-http';
import { Recorder, Spool } from '@scrim/recording';

const CALLERS = 16;
const REQUESTS = Number(process.env.BENCH_REQUESTS ?? 10_000);
const BIG = Number(process.env.BENCH_BYTES ?? 30_000_000);
const EVENTS = 5_000;
const ROUNDS = 3;
const TOKEN = 'scrim-bench-token-0123456789';
type Kind = 'small' | 'big' | 'events';

const SMALL = '{"id":1,"name":"Ada Lovelace","note":"hello world","tags":["a","b"],"price":12.5}';
const ROW =
  '{"id":12345,"name":"Ada Lovelace","note":"nothing to see here","price":1.25,"tags":["a","b"],"at":"2026-01-02T03:04:05Z"},\n';
const EVENT = (i: number): string =>
  `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word${i} "},"finish_reason":null}]}\n\n`;

/** Answers whatever comes, one request a packet. */
function answerAll(socket: Socket): void {
  socket.setNoDelay(true).on('error', () => undefined);
  const small = Buffer.from(
    `HTTP/1.1 200 OK\r\nserver: bench\r\ndate: Mon, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json\r\ncontent-length: ${SMALL.length}\r\nconnection: keep-alive\r\n\r\n${SMALL}`,
  );
  const rows = Buffer.from(ROW.repeat(500));
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (text.includes('/big')) {
      text = '';
      const pieces = Math.ceil(BIG / rows.length);
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${pieces * rows.length + 3}\r\n\r\n[`,
      );
      for (let i = 0; i < pieces; i++) socket.write(rows);
      socket.write('0]');
    } else if (text.includes('/chat/completions')) {
      if (!text.includes('"stream":true')) return;
      text = '';
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
      );
      for (let i = 0; i < EVENTS; i++) {
        const event = EVENT(i);
        socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
      }
      socket.write('e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n');
    } else if (text.endsWith('\r\n\r\n')) {
      text = '';
      socket.write(small);
    }
  });
}

/** Asks again and again on one kept connection; resolves when `more` says it is enough. */
function ask(port: number, kind: Kind, more: () => boolean): Promise<void> {
  const body =
    kind === 'events' ? '{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}' : '';
  const path = { small: '/c/api/small', big: '/c/api/big', events: '/c/llm/v1/chat/completions' }[kind];
  const request = `${body ? 'POST' : 'GET'} ${path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench/1\r\naccept: */*\r\nauthorization: Bearer ${TOKEN}\r\n${body ? `content-type: application/json\r\ncontent-length: ${body.length}\r\n` : ''}\r\n${body}`;
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    let tail = '';
    const done =
      kind === 'small'
        ? /"price":12.5\}(\r\n0\r\n\r\n)?$/
        : kind === 'big'
          ? /0\](\r\n0\r\n\r\n)?$/
          : /\r\n0\r\n\r\n$/;
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (chunk) => {
      if (tail === '' && chunk.toString('latin1', 9, 12) !== '200') reject(new Error(chunk.toString()));
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 30))).slice(-60);
      if (!done.test(tail)) return;
      tail = '';
      if (more()) socket.write(request);
      else socket.end();
    });
    if (more()) socket.write(request);
    else socket.end();
  });
}

function bePeer(): void {
  const server = createServer(answerAll);
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
  process.on('message', ({ port, kind, count }: { port: number; kind: Kind; count: number }) => {
    let left = count;
    const callers = Array.from({ length: kind === 'small' ? CALLERS : 1 }, () =>
      ask(port, kind, () => left-- > 0),
    );
    Promise.all(callers).then(
      () => process.send?.({ done: true }),
      (error: unknown) => process.send?.({ failed: String(error) }),
    );
  });
}

function createPipeline(target: string, folder: string): Pipeline {
  const document = documentSchema.parse({
    apiVersion: 'scrim/v1',
    connections: [
      { name: 'api', protocol: 'http', target: { url: target } },
      { name: 'llm', protocol: 'http', target: { url: target, dialect: 'openai' } },
    ],
    policies: [
      {
        name: 'bench',
        mask: [{ field: 'ssn' }, { detect: ['secrets', 'pii'], with: 'redact' }],
        guard: [{ when: { http: { methods: ['DELETE'], path: '/v1/**' } }, do: 'block' }],
      },
    ],
  });
  const snapshot: Snapshot = {
    version: '1',
    edgeId: 'bench',
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    connections: document.connections,
    policies: document.policies.map((it) => ({ ...it, version: 1 })),
    tokens: { scrim: [], issuers: [], revoked: [] },
    maskingKey: Buffer.alloc(32, 7).toString('base64'),
    queue: { url: '', prefix: '' },
  };
  const recorder = new Recorder({ sink: new Spool({ folder, maxBytes: 8e9 }), edgeId: 'bench' });
  let count = 0;
  return new Pipeline({
    identify: async () => ({
      subject: 'bench',
      groups: [],
      kind: 'machine',
      issuer: 'scrim',
      tokenId: 'bench',
      expiresAt: Number.MAX_SAFE_INTEGER,
      connections: ['api', 'llm'],
      attributes: {},
    }),
    snapshot: () => snapshot,
    secrets: async () => ({}),
    approvals: { request: () => Promise.reject(new Error('nobody to ask')) },
    recording: {
      ready: recorder.ready,
      open: (id, connection, mode, onFailure) => recorder.open(id, connection, mode, onFailure),
      rejected: (data) => process.stderr.write(`rejected ${JSON.stringify(data)}\n`),
    },
    now: Date.now,
    newId: () => `00000000-0000-7000-8000-${String(++count).padStart(12, '0')}`,
    failed: (_id, error) => process.stderr.write(`failed ${String(error)}\n`),
    accept: {
      limits: {
        handshakeTimeout: 10_000,
        maxMessage: 64 << 20,
        maxHeldInput: 1 << 20,
        targetTimeout: 10_000,
      },
      requireTls: false,
      rejected: (why) => process.stderr.write(`rejected ${why}\n`),
    },
  });
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-bench-'));
  const peer = fork(new URL(import.meta.url).pathname, ['peer'], {
    execArgv: process.execArgv.filter((it) => !it.includes('prof')),
  });
  const told = (): Promise<Record<string, unknown>> =>
    new Promise((resolve) => peer.once('message', (it) => resolve(it as Record<string, unknown>)));
  const { port: target } = await told();
  const pipeline = createPipeline(`http://127.0.0.1:${String(target)}`, folder);
  const protocol = openHttpProtocol();
  const server = createServer({ noDelay: true }, (socket) => void pipeline.serve(protocol, socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const run = async (kind: Kind, count: number): Promise<number> => {
    const before = process.cpuUsage();
    const answer = told();
    peer.send({ port, kind, count });
    const { failed } = await answer;
    if (failed) throw new Error(String(failed));
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const kinds =
    process.argv.length > 2 ? (process.argv.slice(2) as Kind[]) : (['small', 'big', 'events'] as const);
  for (const kind of kinds) {
    const count = kind === 'small' ? REQUESTS : 1;
    await run(kind, kind === 'small' ? REQUESTS / 2 : 1);
    const spent: number[] = [];
    for (let i = 0; i < ROUNDS; i++) spent.push(await run(kind, count));
    const best = Math.min(...spent);
    if (kind === 'small')
      process.stdout.write(`small JSON: ${(best / count).toFixed(0)} us of processor time a request\n`);
    else if (kind === 'big')
      process.stdout.write(`JSON array: ${(BIG / best).toFixed(1)} MB/s of processor time\n`);
    else
      process.stdout.write(
        `events of a model: ${(best / EVENTS).toFixed(1)} us of processor time an event\n`,
      );
  }
  await pipeline.stop();
  peer.kill();
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

if (process.argv[2] === 'peer') bePeer();
else await measure();
