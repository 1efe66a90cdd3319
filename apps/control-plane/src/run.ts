import type { AddressInfo } from 'node:net';
import type { Context, Part } from './context.ts';
import type { Server } from './http/server.ts';

/** Starting and stopping, in an order that loses nothing. */
export interface Run {
  /** True once everything serves and until it is asked to stop. */
  readonly started: () => boolean;
  start(): Promise<{ readonly host: string; readonly port: number }>;
  stop(): Promise<void>;
}

/** Parts start before the port opens, and stop after the last request: a route may use any of them. */
export function createRun({ config, log, db, bus }: Context, server: Server, parts: readonly Part[]): Run {
  const running: Part[] = [];
  let serving = false;
  let stopping: Promise<void> | undefined;

  const stop = async (): Promise<void> => {
    serving = false;
    await server.close();
    for (const part of running.reverse())
      await part
        .stop()
        .catch((err) => log.error({ err, part: part.name }, 'a part did not stop in good order'));
    await bus.close();
    await db.close();
  };

  return {
    started: () => serving,
    async start() {
      await server.ready();
      for (const part of parts) {
        // Pushed first: a part that fails half-way must be stopped too.
        running.push(part);
        await part.start();
      }
      await server.listen({ host: config.http.host, port: config.http.port });
      serving = true;
      const { address, port } = server.server.address() as AddressInfo;
      return { host: address, port };
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
