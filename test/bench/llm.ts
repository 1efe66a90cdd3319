/**
 * A paced stream of a chat completion, direct and through the edge's data path, in turns of one run: what the edge adds
 * to the time to the first token and to each chunk. Masking and recording are on; vendor, edge and caller are processes
 * of their own. Run: `npx tsx --conditions=source test/bench/llm.ts`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { Agent, createServer, request as open, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway, TOKEN } from '../protocol-http/gateway.ts';

const CHUNKS = Number(process.env.BENCH_CHUNKS ?? 100);
const PACE_MS = Number(process.env.BENCH_PACE ?? 10);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 10);
const STREAMS = Number(process.env.BENCH_STREAMS ?? 1);
const WORDS = 'The answer is a plain sentence that goes on and on, with nothing in it to hide.'.split(
  /(?= )/,
);

/** Connections are kept, as the vendors' SDKs do. */
const KEPT = new Agent({ keepAlive: true });

/** Milliseconds on a clock all processes share, few enough digits that nobody takes them for a card's. */
const clock = () => Math.round(((performance.timeOrigin + performance.now()) % 1e6) * 100) / 100;

/** The vendor's stream: each chunk says when it left, in a member nobody knows. */
async function answer(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let at = 0; at < CHUNKS; at++) {
    const delta = { content: WORDS[at % WORDS.length] };
    const chunk = { id: 'chatcmpl-1', sent: clock(), choices: [{ index: 0, delta, finish_reason: null }] };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    await sleep(PACE_MS);
  }
  response.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
}

function serveVendor(): void {
  const server = createServer((request, response) => {
    request.resume();
    void answer(response);
  });
  server.listen(0, '127.0.0.1', () => {
    process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
}

async function serveEdge(target: string): Promise<void> {
  const policy = { mask: [{ detect: ['secrets', 'pii'], with: 'redact' }] };
  const gateway = await startGateway({ target: { url: target, dialect: 'openai' }, policy });
  process.send?.(gateway.url);
}

interface Stream {
  /** Milliseconds from asking to the first chunk. */
  readonly first: number;
  /** The same to the first letters: a word is held until the next chunk shows that it is no address. */
  readonly words: number;
  /** Milliseconds each chunk took from the vendor to the caller. */
  readonly chunks: readonly number[];
}

function ask(base: string): Promise<Stream> {
  const body = JSON.stringify({
    model: 'gpt-5',
    stream: true,
    messages: [{ role: 'user', content: 'hello' }],
  });
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  const asked = clock();
  return new Promise((resolve, reject) => {
    const request = open(
      `${base}/v1/chat/completions`,
      { method: 'POST', headers, agent: KEPT },
      (response) => {
        let first = 0;
        let words = 0;
        const seen = new Set<string>();
        let rest = '';
        const chunks: number[] = [];
        response.setEncoding('utf8').on('data', (text: string) => {
          const now = clock();
          const events = (rest + text).split('\n\n');
          rest = events.pop() ?? '';
          for (const event of events) {
            const sent = /"sent":([\d.]+)/.exec(event)?.[1];
            // The edge's own event for a held tail repeats the members of the first chunk.
            if (sent === undefined || seen.has(sent)) continue;
            seen.add(sent);
            chunks.push(now - Number(sent));
            first ||= now - asked;
            if (words === 0 && /"content":"\s*\w/.test(event)) words = now - asked;
          }
        });
        response.on('end', () => resolve({ first, words, chunks })).on('error', reject);
      },
    );
    request.on('error', reject).end(body);
  });
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN;

function child(role: string, target = ''): Promise<{ process: ChildProcess; url: string }> {
  const started = fork(new URL(import.meta.url), [role, target]);
  return new Promise((resolve, reject) => {
    started.once('message', (url) => resolve({ process: started, url: String(url) })).once('error', reject);
  });
}

async function main(): Promise<void> {
  const vendor = await child('vendor');
  const edge = await child('edge', vendor.url);
  const ways = { direct: vendor.url, edge: edge.url };
  const results: Record<string, Stream[]> = { direct: [], edge: [] };
  try {
    for (const url of Object.values(ways)) await ask(url);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [way, url] of Object.entries(ways)) {
        results[way]?.push(...(await Promise.all(Array.from({ length: STREAMS }, () => ask(url)))));
      }
    }
  } finally {
    KEPT.destroy();
    edge.process.kill();
    vendor.process.kill();
  }
  console.log(`${ROUNDS} rounds of ${STREAMS} stream(s), ${CHUNKS} chunks, one each ${PACE_MS} ms`);
  const figures: Record<string, number[]> = {};
  for (const [way, streams] of Object.entries(results)) {
    const firsts = streams.map((it) => it.first);
    const chunks = streams.flatMap((it) => it.chunks);
    if (chunks.length !== streams.length * CHUNKS)
      throw new Error(`${way}: ${chunks.length} chunks of ${streams.length * CHUNKS}`);
    const words = quantile(
      streams.map((it) => it.words),
      0.5,
    );
    figures[way] = [
      quantile(firsts, 0.5),
      quantile(firsts, 0.99),
      words,
      quantile(chunks, 0.5),
      quantile(chunks, 0.99),
    ];
    console.log(way.padEnd(8), said(figures[way]));
  }
  const added = figures.edge?.map((it, at) => it - (figures.direct?.[at] ?? 0)) ?? [];
  console.log('added'.padEnd(8), said(added));
}

function said(figures: readonly number[]): string {
  const [first50, first99, words, chunk50, chunk99] = figures.map((it) => it.toFixed(2));
  return `first chunk p50 ${first50} p99 ${first99}, first letters p50 ${words}, chunk p50 ${chunk50} p99 ${chunk99} ms`;
}

const [role, target = ''] = process.argv.slice(2);
if (role === 'vendor') serveVendor();
else if (role === 'edge') await serveEdge(target);
else await main();
