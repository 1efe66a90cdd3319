import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Stand, startStand } from './stand.ts';

const KEY = 'kq7Wm3pLx9Kt-upstream/key+1';
const PASSWORD = 'wq8Rt5yU2mZk';
const BASIC = Buffer.from(`svc:${PASSWORD}`).toString('base64');

type Answer = (response: ServerResponse, echo: string, request: IncomingMessage) => void | Promise<void>;

/** In pieces of so many bytes, each in a packet of its own. */
async function crumbs(response: ServerResponse, text: string, size: number): Promise<void> {
  for (let at = 0; at < text.length; at += size) {
    response.write(text.slice(at, at + size));
    await sleep(2);
  }
  response.end();
}

const send = (response: ServerResponse, type: string, body: string | Buffer, more = {}): void => {
  response.writeHead(200, { 'content-type': type, ...more }).end(body);
};

const delta = (text: string): string =>
  `data: ${JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { content: text }, finish_reason: null }],
  })}\n\n`;

/** Each path repeats the header it was sent in another way. */
const ECHOES: Readonly<Record<string, Answer>> = {
  '/json': (response, echo, { headers }) =>
    send(response, 'application/json', JSON.stringify({ headers, echo })),
  '/json/pretty': (response, echo) =>
    send(response, 'application/json', JSON.stringify({ a: [{ [echo]: echo }] }, null, 2)),
  '/text': (response, echo) => send(response, 'text/plain', `you sent ${echo}.`),
  '/url': (response, echo) => send(response, 'text/plain', `/?key=${encodeURIComponent(echo)}&x=1`),
  '/html': (response, echo) => send(response, 'text/html', `<h1>500</h1><pre>${echo}</pre><p>&nbsp`),
  '/form': (response, echo) =>
    send(response, 'application/x-www-form-urlencoded', `k=${encodeURIComponent(echo)}`),
  '/header': (response, echo) =>
    send(response, 'text/plain', 'ok', { 'x-echo': echo, 'set-cookie': `k=${encodeURIComponent(echo)}` }),
  '/redirect': (response, echo) => {
    response.writeHead(302, { location: `/login?key=${encodeURIComponent(echo)}` }).end();
  },
  '/error': (response, echo) => {
    response.writeHead(502, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ detail: `cannot authenticate with ${echo}` }));
  },
  '/gzip': (response, echo) =>
    send(response, 'text/plain', gzipSync(`you sent ${echo}.`), { 'content-encoding': 'gzip' }),
  '/split': (response, echo) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    return crumbs(response, `you sent ${echo}.`, 3);
  },
  '/split/json': (response, echo) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    return crumbs(response, JSON.stringify({ echo }), 1);
  },
  '/events': (response, echo) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    return crumbs(response, `data: you sent ${echo}\n\ndata: {"echo":${JSON.stringify(echo)}}\n\n`, 4);
  },
  '/untyped': (response, echo) => {
    response.end(`you sent ${echo}.`);
  },
  '/v1/chat/completions': async (response, echo) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const part of `you sent ${echo}.`.match(/.{1,2}/g) ?? []) response.write(delta(part));
    response.end('data: [DONE]\n\n');
  },
};

let upstream: Server;
let stand: Stand;
const asked: string[] = [];
const tokens = new Map<string, string>();

beforeAll(async () => {
  upstream = createServer((request, response) => {
    const echo = String(request.headers.authorization ?? request.headers['x-key'] ?? '');
    asked.push(echo);
    request.resume().on('end', () => void ECHOES[request.url ?? '']?.(response, echo, request));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const connection = (name: string, credential: string, more = ''): string => `
  - { name: ${name}, protocol: http, target: { url: "${url}${more}, credential: ${credential}, labels: { kind: ${name} } }`;
  stand = await startStand({
    setup: 'SELECT 1',
    document: `
apiVersion: scrim/v1
connections:${connection('bare', `{ header: x-key, value: { value: "${KEY}" } }`, '" }')}${connection(
      'bearer',
      `{ header: authorization, value: { value: "${KEY}" }, prefix: "Bearer " }`,
      '" }',
    )}${connection('basic', `{ header: authorization, value: { value: "${BASIC}" }, prefix: "Basic " }`, '" }')}${connection(
      'model',
      `{ header: authorization, value: { value: "${KEY}" }, prefix: "Bearer " }`,
      '/v1", dialect: openai }',
    )}
policies:
  - name: masks
    match: { labels: { kind: bearer } }
    mask: [{ detect: [secrets, pii.email] }, { field: authorization, with: { partial: { keepLast: 6 } } }]
`,
  });
  for (const name of ['bare', 'bearer', 'basic', 'model']) {
    tokens.set(name, await stand.token({ connection: name }));
  }
}, 90_000);

afterAll(async () => {
  await stand?.stop();
  upstream?.closeAllConnections();
  upstream?.close();
}, 30_000);

async function seen(connection: string, path: string, init: RequestInit = {}): Promise<string> {
  const { host, port } = stand.ready().http;
  const response = await fetch(`http://${host}:${port}/c/${connection}${path}`, {
    redirect: 'manual',
    ...init,
    headers: { authorization: `Bearer ${tokens.get(connection)}`, ...init.headers },
  });
  return `${JSON.stringify([...response.headers])}\n${await response.text()}`;
}

/** Neither whole nor as a URL has it, nor a half of it. */
function harmless(all: string): void {
  for (const text of [all, decodeURIComponent(all.replace(/%(?![0-9a-f]{2})/gi, '%25'))]) {
    for (const secret of [KEY, PASSWORD, BASIC]) {
      expect(text).not.toContain(secret.slice(0, 8));
      expect(text).not.toContain(secret.replace(/=+$/, '').slice(-8));
    }
  }
}

const PLAIN = Object.keys(ECHOES).filter((path) => !path.startsWith('/v1/'));

test.each(['bare', 'bearer', 'basic'].flatMap((name) => PLAIN.map((path) => [name, path] as const)))(
  'the credential of %s does not come back from %s',
  async (connection, path) => {
    asked.length = 0;
    const all = await seen(connection, path);
    expect(asked.join()).toContain(connection === 'basic' ? BASIC : KEY);
    harmless(all);
    expect(decodeURIComponent(all.replace(/%(?![0-9a-f]{2})/gi, '%25'))).toContain('***MASKED***');
  },
);

test('nor from a model that spells it out in deltas', async () => {
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] });
  const headers = { 'content-type': 'application/json' };
  const all = await seen('model', '/chat/completions', { method: 'POST', body, headers });
  const said = [...all.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text).join('');
  harmless(all);
  harmless(said);
  expect(said).toMatch(/^you sent Bearer \*\*\*MASKED\*\*\*\.?$/);
});
