import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CREDENTIAL, DOCUMENT, type Line, MALFORMED } from './http-cases.ts';
import { ANSWERS, HttpUpstream, MAIL, SSN } from './http-upstream.ts';
import { eventually, type Stand, startStand } from './stand.ts';

const run = promisify(execFile);
let upstream: HttpUpstream;
let stand: Stand;
let token: string;

beforeAll(async () => {
  upstream = new HttpUpstream();
  const url = await upstream.listen();
  stand = await startStand({
    setup: 'SELECT 1',
    document: DOCUMENT.replaceAll('$UPSTREAM', url),
    env: { SCRIM_EDGE_HOLD_TIMEOUT: '1500ms' },
  });
  token = await stand.token({ connection: 'api' });
}, 90_000);

afterAll(async () => {
  await stand?.stop();
  await upstream?.close();
}, 30_000);

const base = (connection = 'api'): string => {
  const { host, port } = stand.ready().http;
  return `http://${host}:${port}/c/${connection}`;
};

async function ask(path: string, init: RequestInit = {}, connection = 'api'): Promise<Response> {
  const as = connection === 'api' ? token : await stand.token({ connection });
  return fetch(base(connection) + path, {
    redirect: 'manual',
    ...init,
    headers: { authorization: `Bearer ${as}`, ...init.headers },
  });
}

/** Everything a caller gets to see, as one text. */
async function shown(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; all: string; body: string }> {
  const response = await ask(path, init);
  const body = await response.text().catch((error: unknown) => `cut: ${String(error)}`);
  return { status: response.status, body, all: `${JSON.stringify([...response.headers])}\n${body}` };
}

function harmless(all: string): void {
  const seen = all + decodeURIComponent(all.replace(/%(?![0-9a-f]{2})/gi, '%25')) + all.replaceAll('\0', '');
  for (const secret of [MAIL, SSN, 'lovelace', 'AKIA', CREDENTIAL]) expect(seen).not.toContain(secret);
}

const SKIPPED = new Set(['/slow', '/big', '/dies']);

describe('nothing leaks from', () => {
  test.each(Object.keys(ANSWERS).filter((path) => !SKIPPED.has(path)))('%s', async (path) => {
    const { all } = await shown(path);
    harmless(all);
  });

  test('a target that dies in the middle: the answer is cut, not ended', async () => {
    const { all, body } = await shown('/dies');
    harmless(all);
    expect(body).toMatch(/^cut: /);
  });

  test('HEAD', async () => {
    const response = await ask('/head', { method: 'HEAD' });
    expect(response.status).toBe(200);
    harmless(JSON.stringify([...response.headers]));
    expect(response.headers.get('content-length')).toBeNull();
  });
});

describe('what is shown', () => {
  test.each([
    ['/json', 200, `"user":{"ssn":"***MASKED***","n":1.5}}`],
    ['/json/spelling', 200, '{ "n" : 1.10e+05 , "big":12345678901234567890,"n":2, "s":"\\u00e4\\/" }\n'],
    ['/json/latin1', 200, 'käse ***MASKED***'],
    ['/json/utf16', 200, '"mail":"***MASKED***"'],
    ['/json/problem', 404, '"mail":"***MASKED***"'],
    ['/json/long-string', 200, 'filler filler ***MASKED***"}'],
    ['/ndjson', 200, '"n":1.5}}\n{'],
    ['/text/bytes', 200, 'write to ***MASKED*** or use ***MASKED*** today'],
    ['/csv', 200, 'id,ssn,note\n1,***MASKED***,hi\n2,***MASKED***,"***MASKED***, and more"\n'],
    ['/form', 200, 'n=1'],
    ['/xml', 200, '<a><ssn>***MASKED***</ssn><b m="***MASKED***">***MASKED***</b></a>'],
    ['/multipart', 200, 'write to ***MASKED***'],
    ['/events', 200, 'event: x\ndata: write to ***MASKED***'],
    ['/gzip', 200, 'write to ***MASKED***'],
    ['/br', 200, '"mail":"***MASKED***"'],
    ['/deflate/raw', 200, 'write to ***MASKED***'],
    ['/gzip/twice', 200, 'write to ***MASKED***'],
    ['/untyped', 200, 'write to ***MASKED***'],
  ])('%s', async (path, status, part) => {
    const answer = await shown(path);
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(part);
  });

  test.each([
    ['/image', 'SCRIM_UNMASKABLE'],
    ['/pdf', 'SCRIM_UNMASKABLE'],
    ['/zstd', 'SCRIM_UNMASKABLE'],
    ['/range', 'SCRIM_UNMASKABLE'],
    ['/text/utf7', 'SCRIM_UNMASKABLE'],
    ['/text/two-charsets', 'SCRIM_UNMASKABLE'],
    ['/text/utf16-hidden', 'SCRIM_UNMASKABLE'],
    ['/json/utf16-hidden', 'SCRIM_UNMASKABLE'],
    ['/json/broken', 'SCRIM_UNMASKABLE'],
    ['/gzip/lie', 'SCRIM_UNPARSED'],
    ['/gzip/cut', 'SCRIM_UNPARSED'],
  ])('%s is refused as %s', async (path, code) => {
    const response = await ask(path);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.headers.get('x-scrim-code')).toBe(code);
    expect((await response.json()) as object).toMatchObject({ error: { code } });
  });

  test('what cannot be inspected passes where a policy lets it, byte by byte', async () => {
    const response = await ask('/image', {}, 'open');
    expect(response.status).toBe(200);
    expect(await response.text()).toContain(MAIL);
  });

  test('headers lose what is not true any more, and keep what is', async () => {
    const { headers } = await ask('/headers');
    expect(headers.get('x-internal-token')).toBe('***MASKED***');
    expect(headers.get('digest')).toBeNull();
    expect(headers.get('content-md5')).toBeNull();
    expect(headers.get('accept-ranges')).toBeNull();
    expect(headers.get('etag')).toMatch(/^W\//);
    expect(headers.getSetCookie()).toEqual(['sid=***MASKED***; Path=/c/api/; HttpOnly', 'mail=***MASKED***']);
  });

  test('redirects lead back to the edge', async () => {
    const response = await ask('/redirect');
    expect(response.headers.get('location')).toMatch(/^\/c\/api\/json\?m=/);
  });

  test('validators of what was shown are understood again', async () => {
    const etag = (await ask('/not-modified')).headers.get('etag') as string;
    const again = await ask('/not-modified', { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
  });
});

describe('towards the target', () => {
  test('the token is left out everywhere and the credential put in', async () => {
    await ask(`/seen?key=${token}&a=1`, {
      headers: { 'x-api-key': token, cookie: `t=${token}; b=1`, range: 'bytes=0-5', te: 'gzip' },
    });
    const asked = upstream.last;
    expect(JSON.stringify(asked)).not.toContain(token);
    expect(asked?.headers.authorization).toBe(`Bearer ${CREDENTIAL}`);
    expect(asked?.url).toBe('/seen?a=1');
    expect(asked?.headers.range).toBeUndefined();
    expect(asked?.headers.te).toBeUndefined();
    expect(asked?.headers['accept-encoding']).toBe('gzip, br, deflate');
  });

  test.each([
    ['authorization', (it: string) => `Bearer ${it}`],
    ['authorization', (it: string) => `Basic ${Buffer.from(`x:${it}`).toString('base64')}`],
    ['x-api-key', (it: string) => it],
    ['api-key', (it: string) => it],
    ['x-goog-api-key', (it: string) => it],
  ])('the token is taken from %s', async (name, value) => {
    const response = await fetch(`${base()}/hello`, { headers: { [name]: value(token) } });
    expect(response.status).toBe(200);
    expect(JSON.stringify(upstream.last)).not.toContain(token);
  });

  test('the token is taken from ?key=', async () => {
    const response = await fetch(`${base()}/hello?key=${token}&alt=sse`);
    expect(response.status).toBe(200);
    expect(upstream.last?.url).toBe('/hello?alt=sse');
  });

  test('bodies go on as they are, small, large, chunked and compressed', async () => {
    const small = JSON.stringify({ a: 1 });
    await ask('/echo', { method: 'POST', body: small });
    expect(upstream.last?.body).toBe(small);
    const large = 'x'.repeat(300_000);
    await ask('/echo', { method: 'PUT', body: large });
    expect(upstream.last?.body).toBe(large);
    const packed = new Uint8Array(gzipSync(small));
    await ask('/echo', { method: 'POST', body: packed, headers: { 'content-encoding': 'gzip' } });
    expect(upstream.last?.body).toBe(small);
    expect(upstream.last?.headers['content-encoding']).toBeUndefined();
  });

  test('JSON is masked on its way up where the connection says so, below its base path', async () => {
    await ask(
      '/notes',
      { method: 'POST', body: JSON.stringify({ m: MAIL }), headers: { 'content-type': 'application/json' } },
      'up',
    );
    expect(upstream.last?.url).toBe('/base/notes');
    expect(upstream.last?.body).toBe('{"m":"***MASKED***"}');
  });

  test('masks do not come back as data', async () => {
    const response = await ask('/save', { method: 'POST', body: '{"mail":"***MASKED***"}' });
    expect(response.headers.get('x-scrim-code')).toBe('SCRIM_WRITE_BACK');
  });

  test('a codings nobody can undo is refused', async () => {
    const response = await ask('/echo', {
      method: 'POST',
      body: 'x',
      headers: { 'content-encoding': 'zstd' },
    });
    expect(response.headers.get('x-scrim-code')).toBe('SCRIM_UNSUPPORTED');
  });

  test('a target that is away is a 502', async () => {
    const response = await ask('/', {}, 'gone');
    expect(response.status).toBe(502);
    expect(response.headers.get('x-scrim-code')).toBe('SCRIM_TARGET_UNREACHABLE');
  });
});

/** A request as bytes; everything that comes back. */
async function raw(...parts: readonly string[]): Promise<string> {
  const { host, port } = stand.ready().http;
  const socket = connect(port, host);
  let got = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    got += chunk;
  });
  socket.on('error', () => undefined);
  for (const part of parts) {
    socket.write(part, 'latin1');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await Promise.race([
    new Promise((resolve) => socket.once('close', resolve)),
    eventually(async () => (/\r\n\r\n/.test(got) ? got : undefined), 3_000).catch(() => undefined),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  socket.destroy();
  return got;
}

const line: Line = (text, more = '') =>
  `${text} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n${more}\r\n`;

describe('guards cannot be dodged by', () => {
  test.each([
    '/v1/x',
    '//v1/x',
    '/v1//x',
    '/%76%31/x',
    '/%2576%2531/x',
    '/a/../v1/x',
    '/a/%2e%2e/v1/x',
    '/./v1/x',
    '/v1;a=b/x',
    '/v1%2fx',
    '/v1%5cx',
    '/V/../v1/x/',
  ])('DELETE %s', async (path) => {
    const before = upstream.asked.length;
    expect(await raw(line(`DELETE /c/api${path}`))).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(upstream.asked.length).toBe(before);
  });

  test.each([
    ['/transfer', '{"amount":900}', 403],
    ['/transfer', '{"amount":1,"amount":900}', 403],
    ['/transfer', '{"\\u0061mount":900}', 403],
    ['/transfer', '{"amount":1}', 200],
    ['/transfer', 'not json', 502],
    ['/role', '{"user":{"Role":"admin"}}', 403],
    ['/role', '{"user":{"role":"reader"}}', 200],
  ])('%s %s', async (path, body, status) => {
    const headers = { 'content-type': 'application/json' };
    expect((await ask(path, { method: 'POST', body, headers })).status).toBe(status);
  });

  test('form bodies, compressed bodies and headers', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await ask('/role', { method: 'POST', body: 'user%5Brole%5D=admin', headers: form })).status).toBe(
      403,
    );
    const packed = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const body = new Uint8Array(gzipSync('{"amount":900}'));
    expect((await ask('/transfer', { method: 'POST', body, headers: packed })).status).toBe(403);
    expect((await ask('/flag', { headers: { 'X-Danger': 'yes please' } })).status).toBe(403);
    expect((await ask('/flag', { headers: { 'x-danger': 'no' } })).status).toBe(200);
  });

  test('a method in a header', async () => {
    expect(
      (await ask('/v1/x', { method: 'POST', headers: { 'x-http-method-override': 'DELETE' } })).status,
    ).toBe(400);
  });

  test('bodies beyond the size guard, also when their length is not told', async () => {
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 40; i++) controller.enqueue(Buffer.alloc(64 * 1024, 97));
        controller.close();
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit;
    expect((await ask('/upload', init)).status).toBe(403);
  });

  test('one huge value', async () => {
    expect((await ask('/echo', { method: 'POST', body: 'A'.repeat(150_000) })).status).toBe(403);
  });
});

describe('malformed and smuggled requests are refused:', () => {
  test.each(MALFORMED)('%s', async (_name, request) => {
    const before = upstream.asked.length;
    expect(await raw(request(line))).toMatch(/^(?:$|HTTP\/1\.1 4\d\d )/);
    expect(upstream.asked.length).toBe(before);
  });

  test('a request behind one that is refused is not taken from its body', async () => {
    const smuggled = line('GET /c/api/smuggled');
    await raw(
      `${line('POST /c/api/v1/x', `content-length: ${smuggled.length}\r\nx-http-method: DELETE\r\n`)}${smuggled}`,
    );
    expect(upstream.asked.some((it) => it.url === '/smuggled')).toBe(false);
  });
});

describe('at the door', () => {
  test.each([
    ['no token', '/c/api/x', {}, 401, 'SCRIM_AUTH_MISSING'],
    ['a wrong token', '/c/api/x', { 'x-api-key': 'nope' }, 401, 'SCRIM_AUTH_INVALID'],
    ['no connection', '/x', { 'x-api-key': 'T' }, 404, 'SCRIM_CONNECTION_UNKNOWN'],
    ['another connection', '/c/open/x', { 'x-api-key': 'T' }, 403, 'SCRIM_AUTH_AUDIENCE'],
    ['a connection that is none', '/c/nope/x', { 'x-api-key': 'T' }, 403, 'SCRIM_AUTH_AUDIENCE'],
  ])('%s', async (_name, path, headers, status, code) => {
    const { host, port } = stand.ready().http;
    const given = Object.fromEntries(
      Object.entries(headers).map(([key, it]) => [key, it === 'T' ? token : it]),
    );
    const response = await fetch(`http://${host}:${port}${path}`, { headers: given });
    expect(response.status).toBe(status);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect((await response.json()) as object).toMatchObject({ type: 'error', error: { code } });
  });

  test('a connection is named by the host as well', async () => {
    expect(await raw(line('GET /json').replace('host: x', 'host: api.edge.test'))).toMatch(
      /^HTTP\/1\.1 200 /,
    );
  });

  test('one kept connection serves each token by its own right', async () => {
    const other = await stand.token({ connection: 'open' });
    const wrong = line('GET /c/open/a');
    const right = line('GET /c/open/b').replace(token, other);
    const got = await raw(line('GET /c/api/hello'), wrong, right, line('GET /c/api/json'));
    expect([...got.matchAll(/HTTP\/1\.1 (\d+)/g)].map((it) => it[1])).toEqual(['200', '403', '200', '200']);
  });

  test('pipelined requests are answered in order', async () => {
    const got = await raw(['/one', '/slow-none', '/three'].map((path) => line(`GET /c/api${path}`)).join(''));
    const methods = [...got.matchAll(/"body":""/g)];
    expect(methods).toHaveLength(3);
  });

  test('an expectation is met', async () => {
    const got = await raw(line('POST /c/api/echo', 'expect: 100-continue\r\ncontent-length: 5\r\n'), 'hello');
    expect(got).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });
});

describe('other clients', () => {
  test('`scrim connect` prints what any client needs', async () => {
    const printed = await stand.scrim('connect', 'open', '--print');
    expect(printed).toContain(`${base('open')}/`);
    expect(await stand.scrim('connect', 'api')).toMatch(/base URL +http.*\/c\/api\nAPI key +\S+/);
  });

  test('curl with HTTP/1.1, HTTP/2 by prior knowledge, and compression', async () => {
    for (const more of [['--http1.1'], ['--http2-prior-knowledge'], ['--compressed']]) {
      const { stdout } = await run('curl', ['-sS', ...more, '-H', `x-api-key: ${token}`, `${base()}/json`]);
      expect(JSON.parse(stdout)).toMatchObject({ mail: '***MASKED***' });
    }
  });

  test('many streams of one HTTP/2 connection, one of them refused', async () => {
    const { host, port } = stand.ready().http;
    const session = connectHttp2(`http://${host}:${port}`);
    const one = (path: string) =>
      new Promise<{ status: number; body: string }>((resolve, reject) => {
        const stream = session.request({ ':path': `/c/api${path}`, authorization: `Bearer ${token}` });
        let status = 0;
        let body = '';
        stream.setEncoding('utf8');
        stream.on('response', (headers) => {
          status = Number(headers[':status']);
        });
        stream.on('data', (chunk: string) => {
          body += chunk;
        });
        stream.on('end', () => resolve({ status, body }));
        stream.on('error', reject);
      });
    const paths = [
      '/json',
      '/image',
      '/text/crumbs',
      '/admin/x',
      '/csv',
      '/json/crumbs',
      '/gzip',
      '/headers',
    ];
    const answers = await Promise.all(paths.map(one));
    session.close();
    expect(answers.map((it) => it.status)).toEqual([200, 502, 200, 403, 200, 200, 200, 200]);
    for (const { body } of answers) harmless(body);
  });
});

describe('time and size', () => {
  test('a caller who leaves ends the request at the target', async () => {
    const controller = new AbortController();
    const response = await ask('/slow', { signal: controller.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    const asked = upstream.last;
    controller.abort();
    await eventually(async () => (asked?.aborted ? true : undefined), 3_000);
  });

  test('a document of 100 MB flows in bounded memory, masked', async () => {
    const memory = () =>
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${stand.ready().edgePid}/status`, 'utf8'))?.[1]);
    const before = memory();
    const count = `curl -sS -H 'x-api-key: ${token}' ${base()}/big | tee >(wc -c >&2) | grep -cE '${MAIL}|${SSN}'`;
    const answer = await run('bash', ['-c', `${count} || true`]);
    expect(Number(answer.stdout)).toBe(0);
    expect(Number(answer.stderr)).toBeGreaterThan(80_000_000);
    expect(memory() - before).toBeLessThan(150 * 1024);
  }, 60_000);
});

describe('approvals and records', () => {
  test('a held request is told to come back, and its answer is collected once', async () => {
    const held = () =>
      ask('/held', { method: 'POST', body: '{"n":1}', headers: { 'content-type': 'application/json' } });
    const first = await held();
    expect(first.status).toBe(403);
    expect(first.headers.get('retry-after')).toBe('15');
    expect((await first.json()) as object).toMatchObject({ error: { code: 'SCRIM_APPROVAL_PENDING' } });
    const before = upstream.asked.length;
    const approvals = JSON.parse(await stand.scrim('approvals', 'ls', '--json')) as
      | { id: string }[]
      | { items: { id: string }[] };
    const [approval] = Array.isArray(approvals) ? approvals : approvals.items;
    await stand.scrim('approvals', 'approve', (approval as { id: string }).id);
    const other = await ask('/held', { method: 'POST', body: '{"n":2}' });
    expect(other.headers.get('x-scrim-code')).toBe('SCRIM_APPROVAL_PENDING');
    const second = await held();
    expect(second.status).toBe(200);
    expect(((await second.json()) as { body: string }).body).toBe('{"n":1}');
    expect(upstream.asked.length).toBe(before + 1);
  }, 30_000);

  test('a session replays its requests and what was shown of the answers', async () => {
    await ask('/json');
    const text = await eventually(async () => {
      const { items } = await stand.rest<{ items: { id: string; connection: string }[] }>(
        'GET',
        '/v1/sessions?connection=api',
      );
      for (const { id } of items) {
        const replay = await stand.scrim('sessions', 'replay', id);
        if (replay.includes('GET /json') && replay.includes('***MASKED***')) return replay;
      }
      return undefined;
    });
    harmless(text);
  }, 30_000);
});
