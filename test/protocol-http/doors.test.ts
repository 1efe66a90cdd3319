import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createServer as createHttps, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { type ServerFiles, type TestAuthority, testAuthority } from '../e2e/certificates.ts';
import { type Gateway, type GatewayOptions, startGateway, TOKEN } from './gateway.ts';

const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` };
const folder = mkdtempSync(join(tmpdir(), 'scrim-doors-'));
let authority: TestAuthority;
let stranger: TestAuthority;
let tls: { readonly key: string; readonly cert: string };
let target: Awaited<ReturnType<typeof serve>>;
const open: { close(): Promise<void> | void }[] = [];

const pem = ({ key, cert }: ServerFiles) => ({
  key: readFileSync(key, 'utf8'),
  cert: readFileSync(cert, 'utf8'),
});

/** A target that says which path it was asked for. */
async function serve(certificate?: { key: string; cert: string }) {
  let asked = 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    asked++;
    request.resume().on('end', () => response.end(`asked for ${request.url}`));
  };
  const server = certificate ? createHttps(certificate, answer) : createHttp(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http${certificate ? 's' : ''}://localhost:${port}`,
    asked: () => asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function gateway(options: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const started = await startGateway({ target: { url: target.url }, ...options });
  open.push(started);
  return started;
}

beforeAll(async () => {
  authority = await testAuthority(folder, 'company');
  stranger = await testAuthority(folder, 'stranger');
  tls = pem(await authority.server('edge', '127.0.0.1', 'localhost'));
  target = await serve();
});
afterEach(async () => {
  for (const it of open.splice(0)) await it.close();
});
afterAll(() => {
  target.close();
  rmSync(folder, { recursive: true, force: true });
});

test('over TLS a caller that offers HTTP/2 gets it', async () => {
  const { port } = await gateway({ tls });
  const session = connectHttp2(`https://localhost:${port}`, { ca: readFileSync(authority.ca) });
  const stream = session.request({ ':path': '/c/api/x', ...AUTHORIZATION });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  expect(session.alpnProtocol).toBe('h2');
  expect(Buffer.concat(chunks).toString()).toBe('asked for /x');
  session.destroy();
});

test('over TLS a caller that offers HTTP/1.1, or nothing, gets that', async () => {
  const { port } = await gateway({ tls });
  for (const ALPNProtocols of [['http/1.1'], []]) {
    const said = await new Promise<string>((resolve, reject) => {
      const options = {
        port,
        host: 'localhost',
        path: '/c/api/y',
        headers: AUTHORIZATION,
        ca: readFileSync(authority.ca),
        ALPNProtocols,
        agent: false as const,
      };
      httpsRequest(options, (response) => {
        response.setEncoding('utf8').on('data', (text: string) => resolve(`${response.httpVersion} ${text}`));
      })
        .on('error', reject)
        .end();
    });
    expect(said).toBe('1.1 asked for /y');
  }
});

test('where TLS is required a plain request is refused, over both versions, and nothing is asked', async () => {
  const { port } = await gateway({ tls, requireTls: true });
  const before = target.asked();
  const response = await fetch(`http://127.0.0.1:${port}/c/api/x`, { headers: AUTHORIZATION });
  expect(response.headers.get('x-scrim-code')).toBe('SCRIM_TLS_REQUIRED');
  expect(response.status).toBeGreaterThanOrEqual(400);
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':path': '/c/api/x', ...AUTHORIZATION });
  const code = await new Promise((resolve) => {
    stream.once('response', (headers) => resolve(headers['x-scrim-code']));
  });
  expect(code).toBe('SCRIM_TLS_REQUIRED');
  session.destroy();
  expect(target.asked()).toBe(before);
});

/** Sends the beginning, then a byte every 100 ms; how long the edge bore it, in ms, and what it said. */
async function drip(port: number, beginning: string, byte: string): Promise<{ ms: number; said: string }> {
  const started = Date.now();
  const socket = connect(port, '127.0.0.1');
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write(beginning);
  const timer = setInterval(() => socket.writable && socket.write(byte), 100);
  const limit = setTimeout(() => socket.destroy(), 8_000);
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(timer);
  clearTimeout(limit);
  return { ms: Date.now() - started, said };
}

test('headers that never end are cut off, whoever keeps sending', async () => {
  const { port, rejected } = await gateway({ limits: { handshakeTimeout: 500 } });
  const head = 'GET /c/api/x HTTP/1.1\r\nhost: x\r\nx-slow: ';
  const [slow, silent] = await Promise.all([drip(port, head, 'a'), drip(port, '', '')]);
  expect(slow.ms).toBeLessThan(4_000);
  expect(silent.ms).toBeLessThan(4_000);
  expect(slow.said).not.toContain('HTTP/1.1 200');
  expect(rejected.length).toBeGreaterThanOrEqual(2);
});

async function upstream(host: string, ca: string | undefined, by = authority): Promise<Response> {
  const certificate = pem(await by.server(`target-${host}`, host));
  const server = await serve(certificate);
  open.push(server);
  const verify = ca === undefined ? {} : { tls: { 'verify-full': { ca } } };
  const { url } = await gateway({ target: { url: server.url, ...verify } });
  const response = await fetch(`${url}/x`, { headers: AUTHORIZATION });
  if (response.status !== 200) expect(server.asked()).toBe(0);
  return response;
}

test('a target proves itself by a private authority and its own name', async () => {
  const response = await upstream('localhost', authority.ca);
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('asked for /x');
});

test.each<[string, () => Promise<Response>]>([
  ['another name', () => upstream('elsewhere.example.com', authority.ca)],
  ['another authority', () => upstream('localhost', authority.ca, stranger)],
  ['an authority nobody named', () => upstream('localhost', undefined)],
])('a target with %s is sent nothing', async (_what, ask) => {
  const response = await ask();
  expect(response.headers.get('x-scrim-code')).toBe('SCRIM_TARGET_TLS');
  expect(await response.text()).not.toContain('asked for');
});

test("a connection's own port needs no prefix, and takes none", async () => {
  const { port } = await gateway({ connection: 'api' });
  const own = await fetch(`http://127.0.0.1:${port}/v1/x?a=1`, { headers: AUTHORIZATION });
  expect(await own.text()).toBe('asked for /v1/x?a=1');
  const other = await fetch(`http://127.0.0.1:${port}/c/other/x`, { headers: AUTHORIZATION });
  expect(await other.text()).toBe('asked for /c/other/x');
  const { port: elsewhere } = await gateway({ connection: 'other' });
  const refused = await fetch(`http://127.0.0.1:${elsewhere}/c/api/x`, { headers: AUTHORIZATION });
  expect(refused.headers.get('x-scrim-code')).toBe('SCRIM_AUTH_AUDIENCE');
});
