/**
 * The edge's data path alone, without control plane or queue: for profiling. Listens until killed.
 * `TARGET=postgresql://… PORT=6432 npx tsx --conditions=source test/bench/data-path.ts`
 */
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentSchema, Secret, type Snapshot } from '@scrim/model';
import { Pipeline } from '@scrim/pipeline';
import { openPostgresProtocol } from '@scrim/protocol-postgres';
import { Recorder, Spool } from '@scrim/recording';

const target = new URL(process.env.TARGET ?? '');
const mask = process.env.MASK === 'none' ? [] : [{ column: 'masked.secret' }, { detect: ['secrets', 'pii'] }];
const document = documentSchema.parse({
  apiVersion: 'scrim/v1',
  connections: [
    {
      name: 'shop',
      protocol: 'postgres',
      target: {
        host: target.hostname,
        port: Number(target.port),
        database: target.pathname.slice(1),
        tls: 'disable',
      },
      credential: { username: target.username, password: { value: decodeURIComponent(target.password) } },
    },
  ],
  policies: [
    { name: 'bench', mask, guard: [{ when: { sql: { statements: ['drop_table'] } }, do: 'block' }] },
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
const spool = new Spool({ folder: mkdtempSync(join(tmpdir(), 'scrim-bench-')), maxBytes: 8e9 });
const recorder = new Recorder({ sink: spool, edgeId: 'bench' });
let count = 0;
const pipeline = new Pipeline({
  identify: async () => ({
    subject: 'bench',
    groups: [],
    kind: 'machine',
    issuer: 'scrim',
    tokenId: 'bench',
    expiresAt: Number.MAX_SAFE_INTEGER,
    connections: ['shop'],
    attributes: {},
  }),
  snapshot: () => snapshot,
  secrets: async () => ({ password: new Secret(decodeURIComponent(target.password)) }),
  approvals: { request: () => Promise.reject(new Error('nobody to ask')) },
  recording: {
    ready: recorder.ready,
    open: (id, connection, mode, onFailure) => recorder.open(id, connection, mode, onFailure),
    rejected: (data) => process.stderr.write(`rejected ${JSON.stringify(data)}\n`),
  },
  now: Date.now,
  newId: () => `00000000-0000-7000-8000-${String(++count).padStart(12, '0')}`,
  failed: (_id, error) =>
    process.stderr.write(`failed ${String(error)} ${String((error as Error).cause ?? '')}\n`),
  accept: {
    limits: { handshakeTimeout: 10_000, maxMessage: 64 << 20, maxHeldInput: 1 << 20, targetTimeout: 10_000 },
    requireTls: false,
    rejected: (why) => process.stderr.write(`rejected ${why}\n`),
  },
});
const protocol = await openPostgresProtocol();
const server = createServer({ noDelay: true }, (socket) => void pipeline.serve(protocol, socket));
server.listen(Number(process.env.PORT ?? 6432), '127.0.0.1', () => process.stdout.write('listening\n'));
process.on('SIGINT', () => process.exit(0));
