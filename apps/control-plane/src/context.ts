import type { Log, Registry } from '@scrim/telemetry';
import type { Bus } from './bus.ts';
import type { Config } from './config.ts';
import type { Envelope } from './crypto/envelope.ts';
import type { SigningKeys } from './crypto/signing-keys.ts';
import type { Database } from './database/client.ts';

/** What every module is built from; a factory asks for the parts it uses: `Pick<Context, 'db' | 'now'>`. */
export interface Context {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Registry;
  readonly db: Database;
  readonly bus: Bus;
  readonly envelope: Envelope;
  readonly keys: SigningKeys;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** A UUID v7. */
  readonly newId: () => string;
}

/** Something that runs beside the routes: the gRPC server, a worker, a timer. Started in order, stopped in reverse. */
export interface Part {
  readonly name: string;
  /** Resolves when it serves; the control plane is not ready before. */
  start(): Promise<void>;
  /** Takes nothing new, finishes what is under way, and resolves. */
  stop(): Promise<void>;
}
