import { createServer, type Server, type Socket } from 'node:net';
import type { Pipeline } from '@scrim/pipeline';
import type { Protocol } from '@scrim/protocol-kit';
import type { ListenerConfig } from '../config.ts';

/** One listening socket that hands callers to the pipeline. */
export interface Listener {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  /** Takes no more callers; open sessions are the pipeline's to end. */
  close(): Promise<void>;
}

/** Handshakes under way at once; a flood beyond it is dropped at the door instead of filling memory. */
const MAX_SOCKETS = 10_000;

function listening(server: Server, config: ListenerConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: config.host, port: config.port, backlog: 1024 }, resolve);
  });
}

/** Listens and serves. Rejects with the system's error when the address is taken. */
export async function listen(
  config: ListenerConfig,
  protocol: Protocol,
  pipeline: Pipeline,
): Promise<Listener> {
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
  server.maxConnections = MAX_SOCKETS;
  server.on('connection', (socket: Socket) => void pipeline.serve(protocol, socket, config.connection));
  await listening(server, config);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : config.port;
  return {
    protocol: protocol.name,
    host: config.host,
    port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
