import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '@scrim/embedded-stores';

/** Bytes of one answer that go one by one; a whole catalog would take longer than who asks for it waits. */
const SLOW = 8192;

/** A TCP relay that forwards one byte per write, so that every message arrives cut at every byte. */
export class Drip {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, server: Server) {
    this.port = port;
    this.#server = server;
  }

  /** @param upstream where to, asked for each connection: it may be known only later */
  static async start(upstream: () => { readonly host: string; readonly port: number }): Promise<Drip> {
    const port = await freePort();
    const server = createServer((near) => {
      const far = connect(upstream());
      const turn: Turn = { of: near, slow: SLOW };
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        drip.#sockets.add(from);
        from.setNoDelay(true);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          drip.#sockets.delete(from);
          to.destroy();
        });
        pour(from, to, turn).catch(() => to.destroy());
      }
    });
    const drip = new Drip(port, server);
    await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
    return drip;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }
}

/** Whose turn it is to speak, and how many bytes of it are still to go one by one. */
interface Turn {
  of: Socket;
  slow: number;
}

async function pour(from: Socket, to: Socket, turn: Turn): Promise<void> {
  for await (const chunk of from) {
    const bytes = chunk as Buffer;
    if (turn.of !== from) Object.assign(turn, { of: from, slow: SLOW });
    for (let at = 0; at < bytes.length; ) {
      const end = turn.slow > 0 ? at + 1 : bytes.length;
      to.write(bytes.subarray(at, end));
      turn.slow -= end - at;
      at = end;
      // A turn of the loop between two writes: they leave as packets of their own, and both ways go on.
      await new Promise((next) => setImmediate(next));
    }
  }
  to.end();
}
