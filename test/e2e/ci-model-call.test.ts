import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { freePort } from '@scrim/embedded-stores';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { LlmUpstream } from './llm-upstream.ts';
import { type Plant, type Replica, type Running, rest, startEdge, startPlant } from './plant.ts';
import { eventually } from './stand.ts';

/** docs/examples/ci-model-call.md, run as it stands: its policy, its step, its program. */
const PAGE = readFileSync(join(import.meta.dirname, '../../docs/examples/ci-model-call.md'), 'utf8');
const VENDOR_KEY = 'vendor-key-of-the-test';
const run = promisify(execFile);

const block = (kind: string, begins: string) =>
  new RegExp(`\`\`\`${kind}\n(${begins}[\\s\\S]*?)\`\`\``).exec(PAGE)?.[1] ?? '';

let plant: Plant;
let replica: Replica;
let edge: Running;
let provider: IdentityProvider;
let actions: Server;
let port: number;
let admin: string;
const upstream = new LlmUpstream();
/** Claims of the job whose token the CI system is asked for next. */
let claims: Record<string, string>;

const JOB = {
  sub: 'repo:acme/shop:ref:refs/heads/main',
  repository: 'acme/shop',
  ref: 'refs/heads/main',
  sha: '8f14e45fceea167a5a36dedd4bea2543',
  run_id: '4711',
};

/** The CI system's own token service, as GitHub documents it. */
async function startTokenService(): Promise<string> {
  actions = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://ci');
    if (request.headers.authorization !== 'bearer of-this-run') {
      response.writeHead(401).end();
      return;
    }
    const aud = url.searchParams.get('audience') ?? '';
    void Promise.resolve(provider.sign({ ...claims, aud })).then((value) =>
      response.end(JSON.stringify({ value, count: value.length })),
    );
  });
  await new Promise<void>((resolve) => actions.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(actions.address() as AddressInfo).port}/token?api-version=2.0`;
}

let tokenService: string;

/** The page's step, in a folder of its own, with what a job has in its environment. */
async function job(env: Record<string, string> = {}): Promise<string> {
  const folder = join(plant.folder, 'job');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'ask.mjs'), block('js', '// ask.mjs'));
  try {
    symlinkSync(join(import.meta.dirname, '../node_modules'), join(folder, 'node_modules'));
  } catch {
    // A job before this one made it.
  }
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', block('sh', '# step: ask')], {
    cwd: folder,
    timeout: 60_000,
    env: {
      PATH: process.env.PATH,
      NODE_EXTRA_CA_CERTS: plant.authority.ca,
      ACTIONS_ID_TOKEN_REQUEST_URL: tokenService,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-this-run',
      SCRIM_EDGE: `https://127.0.0.1:${port}`,
      ...env,
    },
  });
  return stdout;
}

beforeAll(async () => {
  for (const level of ['warn', 'info'] as const) jest.spyOn(console, level).mockImplementation(() => {});
  plant = await startPlant('select 1');
  admin = await plant.adminKey('root@example.com');
  replica = await plant.replica();
  provider = await startIdentityProvider(
    await plant.authority.server('provider', '127.0.0.1'),
    plant.authority.ca,
  );
  tokenService = await startTokenService();
  const target = await upstream.listen();
  const file = join(plant.folder, 'scrim.yaml');
  const yaml = block('yaml', 'connections:').replace('https://api.openai.com', target);
  writeFileSync(file, `apiVersion: scrim/v1\n${yaml}`);
  await plant.scrim(replica.api, admin, 'apply', '-f', file);
  const issuer = {
    url: provider.url,
    audiences: ['scrim'],
    subjectClaim: 'sub',
    kind: 'machine',
    attributeClaims: ['repository', 'ref', 'sha', 'run_id'],
  };
  await rest(replica.api, admin, 'PUT', '/v1/issuers', issuer);
  const conditions = { repository: 'acme/shop', ref: 'refs/heads/main' };
  const machine = { name: 'shop-ci', issuer: provider.url, conditions, groups: ['ci'] };
  await rest(replica.api, admin, 'PUT', '/v1/machine-identities/shop-ci', machine);
  const { body } = await rest(replica.api, admin, 'POST', '/v1/join-tokens', { edgeName: 'ci' });
  const tls = await plant.authority.server('edge', '127.0.0.1');
  port = await freePort();
  edge = await startEdge({
    plant,
    controlPlane: replica.grpc,
    data: join(plant.folder, 'edge'),
    port: await freePort(),
    join: String(body.token),
    env: {
      SCRIM_EDGE_HTTP: `127.0.0.1:${port}`,
      SCRIM_EDGE_TLS_KEY_FILE: tls.key,
      SCRIM_EDGE_TLS_CERT_FILE: tls.cert,
      OPENAI_API_KEY: VENDOR_KEY,
    },
  });
}, 90_000);

afterAll(async () => {
  await edge?.stop();
  await replica?.stop();
  await provider?.stop();
  await new Promise((resolve) => actions?.close(resolve));
  await upstream.close();
  await plant?.stop();
}, 60_000);

test('the job asks a model by its own identity, and neither side sees a secret', async () => {
  claims = JOB;
  upstream.script = { text: ['Write to ada@', 'analytical.io ', 'now.'] };
  const said = await eventually(() => job({ QUESTION: 'I am bob@analytical.io' }));
  expect(said).toBe('Write to ***MASKED*** now.');
  const seen = upstream.seen.at(-1);
  expect(seen?.headers.authorization).toBe(`Bearer ${VENDOR_KEY}`);
  expect(seen?.body).toContain('I am ***MASKED***');
  const { id } = await eventually(async () => {
    const { stdout } = await plant.scrim(replica.api, admin, 'sessions', 'ls', '--json');
    return (JSON.parse(stdout) as { id: string; closedAt: string | null }[]).find((it) => it.closedAt);
  });
  const { stdout: session } = await plant.scrim(replica.api, admin, 'sessions', 'replay', id, '--json');
  for (const claim of [JOB.repository, JOB.sha, JOB.run_id]) expect(session).toContain(claim);
  expect(session).not.toContain('analytical.io');
});

test('a job of another repository or branch, or without a token, is refused before the vendor hears of it', async () => {
  const before = upstream.seen.length;
  for (const other of [{ repository: 'mallory/shop' }, { ref: 'refs/heads/feature' }]) {
    claims = { ...JOB, ...other };
    await expect(job()).rejects.toMatchObject({ stderr: expect.stringContaining('SCRIM_AUTH') });
  }
  claims = JOB;
  await expect(job({ MODEL: 'o3' })).rejects.toMatchObject({
    stderr: expect.stringContaining('gpt-5 models only'),
  });
  await expect(job({ ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'guessed' })).rejects.toBeDefined();
  expect(upstream.seen).toHaveLength(before);
});
