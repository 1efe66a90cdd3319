import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Gateway, startGateway, TOKEN } from './gateway.ts';

const DATA = Buffer.from('\u0089PNG write to ada@example.com '.repeat(8), 'latin1').toString('base64');
const MASKS = { mask: [{ detect: ['pii.email'] }] };
const WORDS = 'write to ada@example.com';

type Dialect = 'openai' | 'anthropic' | 'gemini' | 'ollama';

/** Prompts with media beside words, as each vendor documents them. */
const PROMPTS: readonly (readonly [string, Dialect, string, (media: string) => unknown])[] = [
  [
    'an image as a data URL (chat)',
    'openai',
    '/v1/chat/completions',
    (data) => ({
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: WORDS },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
          ],
        },
      ],
    }),
  ],
  [
    'sound (chat)',
    'openai',
    '/v1/chat/completions',
    (data) => ({
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: WORDS },
            { type: 'input_audio', input_audio: { data, format: 'wav' } },
          ],
        },
      ],
    }),
  ],
  [
    'a file (responses)',
    'openai',
    '/v1/responses',
    (data) => ({
      model: 'm',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: WORDS },
            { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${data}` },
          ],
        },
      ],
    }),
  ],
  [
    'an image (messages)',
    'anthropic',
    '/v1/messages',
    (data) => ({
      model: 'm',
      max_tokens: 9,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: WORDS },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
          ],
        },
      ],
    }),
  ],
  [
    'a document in a tool result (messages)',
    'anthropic',
    '/v1/messages',
    (data) => ({
      model: 'm',
      max_tokens: 9,
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 't',
              content: [
                { type: 'text', text: WORDS },
                { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data } },
              ],
            },
          ],
        },
      ],
    }),
  ],
  [
    'inline data (generateContent)',
    'gemini',
    '/v1beta/models/m:generateContent',
    (data) => ({
      contents: [{ role: 'user', parts: [{ text: WORDS }, { inlineData: { mimeType: 'image/png', data } }] }],
    }),
  ],
  [
    'images (api/chat)',
    'ollama',
    '/api/chat',
    (data) => ({ model: 'm', messages: [{ role: 'user', content: WORDS, images: [data] }] }),
  ],
];

let upstream: Server;
let url: string;
const sent: string[] = [];

beforeAll(async () => {
  upstream = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      sent.push(body);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

/** Sends the prompt through a gateway of its own; what came of it, and the session's coverage. */
async function ask(dialect: Dialect, path: string, body: unknown, policy?: Record<string, unknown>) {
  sent.length = 0;
  const base = dialect === 'openai' ? `${url}/v1` : url;
  const gateway: Gateway = await startGateway({ target: { url: base, dialect }, ...(policy && { policy }) });
  const response = await fetch(gateway.url + (dialect === 'openai' ? path.slice(3) : path), {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  await gateway.close();
  const coverage = gateway.log.find((it) => it.what === 'record:coverage')?.data;
  const code = response.headers.get('x-scrim-code');
  return { status: response.status, code, text, coverage: JSON.stringify(coverage) };
}

describe.each(PROMPTS)('%s', (_what, dialect, path, prompt) => {
  test('is refused where a rule masks, and the model is sent nothing', async () => {
    const answer = await ask(dialect, path, prompt(DATA), MASKS);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.code).toBe('SCRIM_UNSUPPORTED');
    expect(answer.text).toContain('uninspected: allow');
    expect(sent).toEqual([]);
  });

  test('passes where the policy allows, counted as blind, with the words beside it masked', async () => {
    const answer = await ask(dialect, path, prompt(DATA), { ...MASKS, uninspected: 'allow' });
    expect(answer.status).toBe(200);
    expect(sent.join()).toContain(DATA);
    expect(sent.join()).not.toContain('ada@example.com');
    expect(sent.join()).toContain('write to ***MASKED***');
    expect(answer.coverage).toContain('images, sound, files or token numbers');
  });

  test('passes where no rule would have looked', async () => {
    const answer = await ask(dialect, path, prompt(DATA));
    expect(answer.status).toBe(200);
    expect(JSON.parse(sent.join())).toEqual(prompt(DATA));
  });
});
