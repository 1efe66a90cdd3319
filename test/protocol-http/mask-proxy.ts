import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Refusal } from '@scrim/model';
import type { Dialect } from '@scrim/protocol-http/dialect';
import { ChannelMask, StreamMask } from './mask-harness.ts';

/** A caller's SDK against a dialect alone: masks requests and answers, and passes the rest on. */
export class MaskProxy {
  readonly #server: Server;
  dialect: Dialect;
  tokens = 0;
  refusal: { readonly refusal: Refusal; readonly after?: number } | undefined;

  constructor(dialect: Dialect, upstream: string) {
    this.dialect = dialect;
    this.#server = createServer(async (request, response) => {
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const path = request.url ?? '/';
        let body = Buffer.concat(chunks);
        const asked = this.dialect.request(request.method ?? '', path, body);
        if (asked) body = Buffer.from(new ChannelMask().texts(asked.texts, body));
        if (this.refusal && this.refusal.after === undefined) {
          const error = this.dialect.error(this.refusal.refusal);
          response.writeHead(error.status, error.headers);
          response.end(error.body);
          return;
        }
        const answer = await fetch(`${upstream}${path}`, {
          method: request.method ?? 'GET',
          headers: { 'content-type': 'application/json' },
          ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
        });
        const type = answer.headers.get('content-type') ?? '';
        response.writeHead(answer.status, { 'content-type': type });
        const framing = answer.ok ? this.dialect.framing(type, path) : undefined;
        if (!framing) {
          const whole = Buffer.from(await answer.arrayBuffer());
          const texts = this.dialect.answer(path, whole);
          this.tokens = texts.tokens;
          response.end(new ChannelMask().texts(texts, whole));
          return;
        }
        const stream = new StreamMask(this.dialect, path, framing);
        let chunkNumber = 0;
        for await (const chunk of answer.body ?? []) {
          if (this.refusal?.after === chunkNumber++) {
            response.end(this.dialect.error(this.refusal.refusal, framing).body);
            return;
          }
          response.write(stream.push(chunk));
        }
        response.end(stream.end());
        this.tokens = stream.tokens;
      } catch (error) {
        response.destroy(error as Error);
      }
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
