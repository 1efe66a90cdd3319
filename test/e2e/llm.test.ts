import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CLIENTS, lendDispatcher } from './llm-clients.ts';
import { LlmUpstream } from './llm-upstream.ts';
import { eventually, type Stand, startStand } from './stand.ts';

/** The vendors' SDKs through `scrim up`, the way a user starts it. */
const upstream = new LlmUpstream();
let stand: Stand;

const DIALECTS = ['openai', 'anthropic', 'gemini', 'ollama'];
const SECRET = /ada@|analytical|kX9/;

function document(url: string): string {
  const connections = DIALECTS.map(
    (name) => `
  - name: ${name}
    protocol: http
    target: { url: "${url}", dialect: ${name} }
    credential: { header: authorization, value: { env: VENDOR_KEY }, prefix: "Bearer " }`,
  );
  return `
apiVersion: scrim/v1
connections:${connections.join('')}
policies:
  - name: models
    mask:
      - { detect: [secrets, pii.email], with: redact }
    guard:
      - { when: { http: { tools: [{ name: save, arguments: { path: "/etc/*" } }] } }, do: block }
    limits: { requestsPerMinute: 100 }
`;
}

beforeAll(async () => {
  await lendDispatcher();
  const url = await upstream.listen();
  stand = await startStand({
    setup: 'select 1',
    document: document(url),
    env: { VENDOR_KEY: 'vendor-key-1' },
  });
}, 90_000);

afterAll(async () => {
  await stand?.stop();
  await upstream.close();
}, 60_000);

test.each(Object.keys(CLIENTS))(
  '%s: only base URL and key change, and no secret passes either way',
  async (name) => {
    const connection = name.split(' ')[0] as string;
    const { http } = stand.ready() as unknown as { http: { host: string; port: number } };
    const token = await stand.token({ connection });
    upstream.script = {
      text: ['Write to ada@', 'analytical.io', ' now.'],
      ...(/completions|generate/.test(name)
        ? {}
        : { tool: { name: 'save', arguments: ['{"password":"kX9-', 'quartz-31"}'] } }),
    };
    const said = await CLIENTS[name]!(
      `http://${http.host}:${http.port}/c/${connection}`,
      token,
      'I am ada@analytical.io',
    );
    expect(said.text).toBe('Write to ***MASKED*** now.');
    expect(said.everything).not.toMatch(SECRET);
    const seen = upstream.seen.at(-1);
    expect(seen?.body).not.toMatch(SECRET);
    expect(seen?.headers.authorization).toBe('Bearer vendor-key-1');
    expect(JSON.stringify(seen?.headers)).not.toContain(token);
  },
);

test('what is recorded of it holds no secret', async () => {
  // SDKs keep their connections, so the sessions are open still: what is recorded of them arrives in a moment.
  const replay = await eventually(async () => {
    const all = JSON.parse(await stand.scrim('sessions', 'ls', '--json')) as { id: string }[];
    const replays = await Promise.all(all.slice(0, 4).map(({ id }) => stand.scrim('sessions', 'replay', id)));
    const text = replays.join('\n');
    return text.includes('***MASKED***') ? text : undefined;
  }, 25_000);
  expect(replay).toContain('POST');
  expect(replay).not.toMatch(SECRET);
});
