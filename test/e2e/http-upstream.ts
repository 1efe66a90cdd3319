import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

/** What must never reach a caller, in whatever spelling a case hides it. */
export const MAIL = 'ada.lovelace@example.com';
export const SSN = 'top-secret-ssn-value';
const KEY = ['AKIA', 'QYLPMN5H', 'HHFPZAM2'].join('');
const TEXT = `write to ${MAIL} or use ${KEY} today`;
const JSON_BODY = JSON.stringify({
  id: 12345678901234567890n.toString(),
  mail: MAIL,
  user: { ssn: SSN, n: 1.5 },
});

/** What a target was asked, as it came. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
  aborted: boolean;
}

type Answer = (response: ServerResponse, asked: Asked, request: IncomingMessage) => void | Promise<void>;

const as =
  (
    type: string,
    body: string | Buffer,
    headers: Record<string, string | string[]> = {},
    status = 200,
  ): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': type, ...headers });
    response.end(body);
  };

/** In pieces that cut the text everywhere. */
const crumbs =
  (type: string, body: string | Buffer, size = 7, headers: Record<string, string> = {}): Answer =>
  async (response) => {
    response.writeHead(200, { 'content-type': type, ...headers });
    const bytes = Buffer.from(body);
    for (let at = 0; at < bytes.length; at += size) {
      response.write(bytes.subarray(at, at + size));
      if (at % (size * 4) === 0) await sleep(1);
    }
    response.end();
  };

const escaped = [...MAIL].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const multipart = [
  '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n',
  `${TEXT}\r\n--b\r\ncontent-disposition: form-data; name="f"; filename="x.json"\r\ncontent-type: application/octet-stream\r\n\r\n`,
  `${JSON_BODY}\r\n--b--\r\n`,
].join('');

/** Each path answers in one way that could leak. */
export const ANSWERS: Readonly<Record<string, Answer>> = {
  '/json': as('application/json', JSON_BODY),
  '/json/crumbs': crumbs('application/json', JSON_BODY, 3),
  '/json/escapes': as('application/json', `{"mail":"${escaped}","\\u0073sn":"${SSN}"}`),
  '/json/duplicates': as(
    'application/json',
    `{"ssn":"${SSN}","ssn":"${SSN}","a":{"ssn":["${SSN}",{"x":"${SSN}"}]}}`,
  ),
  '/json/key': as('application/json', `{"${MAIL}":1}`),
  '/json/spelling': as(
    'application/json',
    '{ "n" : 1.10e+05 , "big":12345678901234567890,"n":2, "s":"\\u00e4\\/" }\n',
  ),
  '/json/bom': as('application/json', `\ufeff${JSON_BODY}`),
  '/json/utf16': as('application/json; charset=utf-16le', Buffer.from(`\ufeff${JSON_BODY}`, 'utf16le')),
  '/json/utf16-hidden': as('application/json', Buffer.from(JSON_BODY, 'utf16le')),
  '/json/latin1': as('application/json; charset=iso-8859-1', Buffer.from(`{"a":"käse ${MAIL}"}`, 'latin1')),
  '/json/broken': as('application/json', `{"mail":"${MAIL}",}`),
  '/json/cut': as('application/json', `{"mail":"${MAIL}","ssn":"${SSN}`),
  '/json/problem': as('application/problem+json', JSON_BODY, {}, 404),
  '/json/error': as('application/json', JSON_BODY, {}, 500),
  '/json/long-string': as('application/json', JSON.stringify({ a: `${'filler '.repeat(9_000)}${MAIL}` })),
  '/ndjson': as('application/x-ndjson', `${JSON_BODY}\n${JSON_BODY}\n`),
  '/json-seq': as('application/json-seq', `\u001e${JSON_BODY}\n\u001e${JSON_BODY}\n`),
  '/text': as('text/plain', TEXT),
  '/text/crumbs': crumbs('text/plain', TEXT, 5),
  '/text/bytes': crumbs('text/plain', TEXT, 1),
  '/text/utf16': as('text/plain', Buffer.from(`\ufeff${TEXT}`, 'utf16le')),
  '/text/utf16-hidden': as('text/plain', Buffer.from(TEXT, 'utf16le')),
  '/text/utf7': as('text/plain; charset=utf-7', TEXT),
  '/text/two-charsets': as('text/plain; charset=utf-8; charset=utf-16', TEXT),
  '/text/two-types': as('text/plain, application/octet-stream', TEXT),
  '/untyped': (response) => {
    response.end(TEXT);
  },
  '/untyped/json': (response) => {
    response.end(JSON_BODY);
  },
  '/csv': as('text/csv', `id,ssn,note\n1,${SSN},hi\n2,x,"${MAIL}, and more"\n`),
  '/form': as(
    'application/x-www-form-urlencoded',
    `ssn=${SSN}&m=${encodeURIComponent(MAIL).replace('a', '%61')}&n=1`,
  ),
  '/xml': as(
    'application/xml',
    `<a><ssn>${SSN}</ssn><b m="${MAIL}">ada&#46;lovelace&#64;example.com</b></a>`,
  ),
  '/html': as('text/html; charset=utf-8', `<p title="${MAIL}">${MAIL}</p><script>var m="${MAIL}"</script>`),
  '/svg': as('image/svg+xml', `<svg><text>${MAIL}</text></svg>`),
  '/javascript': as('application/javascript', `const m = "${MAIL}"`),
  '/multipart': as('multipart/form-data; boundary=b', multipart),
  '/events': as('text/event-stream', `data: ${JSON_BODY}\n\nevent: x\ndata: ${TEXT}\n\n: ${MAIL}\n\n`),
  '/events/crumbs': crumbs(
    'text/event-stream',
    `data: ${JSON_BODY}\r\n\r\nid: ${MAIL}\ndata: a\ndata: ${MAIL}\n\n`,
    4,
  ),
  '/gzip': as('text/plain', gzipSync(TEXT), { 'content-encoding': 'gzip' }),
  '/gzip/crumbs': crumbs('application/json', gzipSync(JSON_BODY), 5, { 'content-encoding': 'gzip' }),
  '/br': as('application/json', brotliCompressSync(JSON_BODY), { 'content-encoding': 'br' }),
  '/deflate': as('text/plain', deflateSync(TEXT), { 'content-encoding': 'deflate' }),
  '/deflate/raw': as('text/plain', deflateRawSync(TEXT), { 'content-encoding': 'deflate' }),
  '/gzip/twice': as('text/plain', gzipSync(gzipSync(TEXT)), { 'content-encoding': 'gzip, gzip' }),
  '/gzip/lie': as('text/plain', TEXT, { 'content-encoding': 'gzip' }),
  '/gzip/cut': as('text/plain', gzipSync(TEXT).subarray(0, 40), { 'content-encoding': 'gzip' }),
  '/gzip/bomb': as('text/plain', gzipSync(Buffer.alloc(64 << 20, 97)), { 'content-encoding': 'gzip' }),
  '/zstd': as('text/plain', TEXT, { 'content-encoding': 'zstd' }),
  '/image': as('image/png', Buffer.from(TEXT)),
  '/pdf': as('application/pdf', Buffer.from(TEXT)),
  '/range': as('text/plain', TEXT.slice(9, 20), { 'content-range': 'bytes 9-19/60' }, 206),
  '/redirect': (response, _asked, request) => {
    response.writeHead(302, {
      location: `http://${request.headers.host}/json?m=${MAIL}`,
      'content-type': 'text/plain',
    });
    response.end(TEXT);
  },
  '/headers': as('text/plain', 'ok', {
    'x-mail': MAIL,
    'x-internal-token': SSN,
    link: `<http://127.0.0.1/next?m=${MAIL}>; rel=next`,
    'set-cookie': [`sid=${SSN}; Path=/; Domain=example.com; HttpOnly`, `mail=${MAIL}`],
    digest: 'sha-256=abc',
    'content-md5': 'abc',
    etag: '"v1"',
    'accept-ranges': 'bytes',
  }),
  '/trailers': (response) => {
    response.writeHead(200, {
      'content-type': 'text/plain',
      trailer: 'x-mail',
      'transfer-encoding': 'chunked',
    });
    response.write('ok');
    response.addTrailers({ 'x-mail': MAIL });
    response.end();
  },
  '/early': async (response) => {
    response.writeEarlyHints({ link: `</style?m=${MAIL}>; rel=preload` });
    response.end('ok');
  },
  '/head': as('text/plain', TEXT, { 'x-mail': MAIL, 'content-length': String(TEXT.length) }),
  '/not-modified': (response, asked) => {
    response.writeHead(asked.headers['if-none-match'] === '"v1"' ? 304 : 200, {
      etag: '"v1"',
      'content-type': 'text/plain',
    });
    response.end();
  },
  '/slow': async (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    for (let i = 0; i < 200 && !response.destroyed; i++) {
      response.write(`line ${i} ${MAIL}\n`);
      await sleep(20);
    }
    response.end();
  },
  '/dies': async (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write(`${'x'.repeat(70_000)} ${MAIL.slice(0, 10)}`);
    await sleep(20);
    response.destroy();
  },
  '/big': async (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const row = Buffer.from(
      `${JSON.stringify({ id: 1, mail: MAIL, note: 'nothing to see', ssn: SSN, n: [1, 2.5, null] })},\n`,
    );
    const block = Buffer.concat(Array.from({ length: 600 }, () => row));
    response.write('[');
    for (let sent = 0; sent < 100_000_000 && !response.destroyed; sent += block.length) {
      if (!response.write(block))
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    }
    response.end('0]');
  },
};

/** A target that remembers what it was asked. */
export class HttpUpstream {
  readonly asked: Asked[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get last(): Asked | undefined {
    return this.asked.at(-1);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // a body that broke off is told by `aborted`
    }
    const { method = '', url = '', headers } = request;
    const asked: Asked = { method, url, headers, body: Buffer.concat(chunks).toString(), aborted: false };
    this.asked.push(asked);
    response.on('close', () => {
      if (!response.writableFinished) asked.aborted = true;
    });
    const answer = ANSWERS[url.split('?', 1)[0] as string];
    if (answer) await answer(response, asked, request);
    else {
      const said = JSON.stringify({ asked: url, method, body: asked.body });
      await as('application/json', said)(response, asked, request);
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
