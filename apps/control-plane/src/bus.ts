import type { Log } from '@scrim/telemetry';
import { Redis } from 'ioredis';

/**
 * What replicas tell each other. Delivery is at most once: the database is the truth, and whoever listens reads it
 * again after a reconnect (see {@link Bus.onReconnect}).
 */
export interface Channels {
  /** Something an edge's snapshot depends on has changed. */
  'scrim:changes': { readonly what: ChangedThing; readonly names: readonly string[] };
  /** A token must be refused from now on. */
  'scrim:revocations': { readonly tokenId: string; readonly until: number };
  /** An approval changed its state. */
  'scrim:approvals': { readonly id: string; readonly state: string };
}
export type ChangedThing = 'connections' | 'credentials' | 'policies' | 'issuers' | 'keys' | 'edges';
export type ChannelName = keyof Channels;

export interface Bus {
  /** False when Redis is away: the caller's change is stored all the same. Never throws. */
  publish<C extends ChannelName>(channel: C, message: Channels[C]): Promise<boolean>;
  /** Calls `handler` for every message from now on, this replica's own included; returns how to stop. */
  subscribe<C extends ChannelName>(channel: C, handler: (message: Channels[C]) => void): Promise<() => void>;
  /** Called after a lost connection is back: messages in between are gone, so state must be read again. */
  onReconnect(handler: () => void): () => void;
  /** Rejects when Redis does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

type Handler = (message: never) => void;

/** Commands fail within a second instead of waiting for Redis to come back (a request must not hang on it). */
const COMMAND_OPTIONS = {
  enableOfflineQueue: false,
  commandTimeout: 1_000,
  maxRetriesPerRequest: 1,
} as const;

/** Connects to Redis; resolves even when it is away, and keeps trying. */
export async function openBus(url: string, log: Log): Promise<Bus> {
  const commands = new Redis(url, { ...COMMAND_OPTIONS, lazyConnect: true });
  const listener = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null });
  const handlers = new Map<string, Set<Handler>>();
  const reconnectHandlers = new Set<() => void>();
  let connectedOnce = false;
  for (const client of [commands, listener]) client.on('error', (err) => log.warn({ err }, 'redis is away'));
  listener.on('ready', () => {
    if (connectedOnce) for (const handler of reconnectHandlers) handler();
    connectedOnce = true;
  });
  listener.on('message', (channel: string, text: string) => {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch (err) {
      log.warn({ err, channel }, 'ignored a message that is no JSON');
      return;
    }
    for (const handler of handlers.get(channel) ?? []) handler(message as never);
  });
  // A first connection that fails is retried by the client itself.
  await Promise.all([commands.connect().catch(() => {}), listener.connect().catch(() => {})]);

  return {
    async publish(channel, message) {
      try {
        await commands.publish(channel, JSON.stringify(message));
        return true;
      } catch (err) {
        log.warn({ err, channel }, 'other replicas were not told');
        return false;
      }
    },
    async subscribe(channel, handler) {
      const known = handlers.get(channel) ?? new Set();
      known.add(handler as Handler);
      handlers.set(channel, known);
      // With Redis away the command waits in the client's queue: a start must not wait for it.
      const subscribed = listener
        .subscribe(channel)
        .catch((err) => log.warn({ err, channel }, 'not subscribed'));
      if (listener.status === 'ready') await subscribed;
      return () => known.delete(handler as Handler);
    },
    onReconnect(handler) {
      reconnectHandlers.add(handler);
      return () => reconnectHandlers.delete(handler);
    },
    async ping() {
      await commands.ping();
    },
    async close() {
      commands.disconnect();
      listener.disconnect();
    },
  };
}
