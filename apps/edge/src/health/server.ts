import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Address } from '../config.ts';

/** What the health endpoint reports; every part is asked at request time. */
export interface HealthSource {
  /** Why the edge takes no new sessions now, or undefined when it does. */
  readonly notReady: () => string | undefined;
  readonly metrics: () => Promise<string>;
}

export interface HealthServer {
  readonly port: number;
  close(): void;
}

/** `/healthz` (the process lives), `/readyz` (it takes sessions), `/metrics` (Prometheus text). */
export async function serveHealth(address: Address, source: HealthSource): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    if (request.url === '/healthz') return answer(200, 'ok\n');
    if (request.url === '/readyz') {
      const reason = source.notReady();
      return reason === undefined ? answer(200, 'ok\n') : answer(503, `${reason}\n`);
    }
    if (request.url === '/metrics') {
      source.metrics().then(
        (text) => answer(200, text, 'text/plain; version=0.0.4; charset=utf-8'),
        () => answer(500, 'metrics failed\n'),
      );
      return;
    }
    answer(404, 'try /healthz, /readyz or /metrics\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
