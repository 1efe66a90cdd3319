export const CREDENTIAL = 'target-credential-1';

export const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: api
    protocol: http
    target: { url: $UPSTREAM }
    credential: { header: authorization, value: { value: ${CREDENTIAL} }, prefix: "Bearer " }
    labels: { kind: api }
  - name: up
    protocol: http
    target: { url: $UPSTREAM/base/, maskRequests: true }
    labels: { kind: up }
  - name: open
    protocol: http
    target: { url: $UPSTREAM }
    labels: { kind: open }
  - name: gone
    protocol: http
    target: { url: "http://127.0.0.1:1" }
    labels: { kind: gone }
policies:
  - name: masks
    match: { groups: [agents] }
    mask:
      - { field: ssn }
      - { field: "$.asked", with: redact }
      - { header: x-internal-token }
      - { header: cookie.sid }
      - { detect: [secrets, pii.email] }
  - name: guards
    match: { labels: { kind: api } }
    guard:
      - { when: { http: { methods: [DELETE], path: "/v1/**" } }, do: block, reason: no deletes }
      - { when: { http: { path: "/admin/**" } }, do: block }
      - { when: { http: { path: "/transfer", body: { "$.amount": "9*" } } }, do: block }
      - { when: { http: { path: "/role", body: { role: admin } } }, do: block }
      - { when: { http: { path: "/flag", headers: { x-danger: "yes*" } } }, do: block }
      - { when: { http: { path: "/held" } }, do: hold, reason: people decide }
      - { when: { request: { largerThan: 1MiB } }, do: block }
      - { when: { response: { blobLargerThan: 100KiB } }, do: block }
    approve: { by: [dba], expires: 1m }
  - name: lets
    match: { labels: { kind: open } }
    uninspected: allow
`;

/** Writes a request's head around its line, with a good token. */
export type Line = (text: string, more?: string) => string;

const body = 'content-length: 5\r\n';

/** Requests two servers could read in two ways, and what no honest client sends. */
export const MALFORMED: readonly (readonly [string, (line: Line) => string])[] = [
  ['two lengths', (line) => `${line('POST /c/api/x', `${body}content-length: 6\r\n`)}hello`],
  [
    'length and chunks',
    (line) => `${line('POST /c/api/x', `${body}transfer-encoding: chunked\r\n`)}0\r\n\r\n`,
  ],
  ['another coding', (line) => `${line('POST /c/api/x', 'transfer-encoding: gzip, chunked\r\n')}0\r\n\r\n`],
  ['folded header', (line) => line('GET /c/api/x', 'a: b\r\n c\r\n')],
  ['bare LF', (line) => line('GET /c/api/x').replaceAll('\r\n', '\n').replace('\n', '\nA b: c\n')],
  ['bare CR in a value', (line) => line('GET /c/api/x', 'a: b\rc: d\r\n')],
  ['NUL in a value', (line) => line('GET /c/api/x', 'a: b\0c\r\n')],
  ['blank before the colon', (line) => line('GET /c/api/x', 'transfer-encoding : chunked\r\n')],
  ['two hosts', (line) => line('GET /c/api/x', 'host: y\r\n')],
  ['no host', (line) => line('GET /c/api/x').replace('host: x\r\n', '')],
  [
    'bad chunk size',
    (line) => `${line('POST /c/api/x', 'transfer-encoding: chunked\r\n')}zz\r\nhello\r\n0\r\n\r\n`,
  ],
  ['NUL in the path', (line) => line('GET /c/api/%00')],
  ['broken escape', (line) => line('GET /c/api/%zz')],
  ['CONNECT', (line) => line('CONNECT example.com:443')],
  [
    'upgrade',
    (line) =>
      line(
        'GET /c/api/x',
        'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
      ),
  ],
  ['a header of 40 kB', (line) => line('GET /c/api/x', `a: ${'b'.repeat(40_000)}\r\n`)],
  ['no HTTP at all', () => '\x00\x01\x02hello\r\n\r\n'],
];
