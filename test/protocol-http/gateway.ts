import { createServer, type Server, type Socket } from 'node:net';
import { type Caller, connectionSchema, policySchema, Secret, type Snapshot } from '@scrim/model';
import { Pipeline, type Recording } from '@scrim/pipeline';
import { type Happening, MemoryRecorder } from '@scrim/pipeline/testing';
import { openHttpProtocol } from '@scrim/protocol-http';

/** What a gateway is asked for. */
export interface GatewayOptions {
  readonly target: Record<string, unknown>;
  readonly policy?: Record<string, unknown>;
  readonly limits?: Record<string, number>;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly requireTls?: boolean;
  /** The listener serves this connection alone. */
  readonly connection?: string;
  readonly recording?: Recording;
  readonly credential?: Record<string, unknown>;
  /** Decides on what is held: a promise of yes or no. */
  readonly decide?: (statement: string) => Promise<boolean>;
}

/** The data path of an edge with the real pipeline, in this process, in front of one connection called `api`. */
export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** Everything that was recorded, in order. */
  readonly log: Happening[];
  readonly rejected: string[];
  readonly failures: unknown[];
  readonly pipeline: Pipeline;
  close(): Promise<void>;
}

export const TOKEN = 'scrim-test-token-0123456789';

function callerOf(token: string): Caller {
  return {
    subject: token,
    groups: [],
    kind: 'machine',
    issuer: 'scrim',
    tokenId: token,
    expiresAt: Number.MAX_SAFE_INTEGER,
    connections: ['api'],
    attributes: {},
  };
}

function snapshotOf({ target, policy, credential }: GatewayOptions): Snapshot {
  const connection = connectionSchema.parse({
    name: 'api',
    protocol: 'http',
    target,
    ...(credential ? { credential } : {}),
  });
  return {
    version: '1',
    edgeId: 'test',
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    connections: [connection],
    policies: policy ? [{ ...policySchema.parse({ name: 'test', ...policy }), version: 1 }] : [],
    tokens: { scrim: [], issuers: [], revoked: [] },
    maskingKey: Buffer.alloc(32, 7).toString('base64'),
    queue: { url: '', prefix: '' },
  };
}

/** Starts one on a free port. Tokens that begin with `scrim-` are good, and name their caller. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const log: Happening[] = [];
  const rejected: string[] = [];
  const failures: unknown[] = [];
  const snapshot = snapshotOf(options);
  let count = 0;
  const pipeline = new Pipeline({
    identify: async (secret) => {
      const token = secret.reveal();
      if (token.startsWith('scrim-')) return callerOf(token);
      const { refuse } = await import('@scrim/model');
      throw refuse('SCRIM_AUTH_INVALID');
    },
    snapshot: () => snapshot,
    secrets: async () => ({ value: new Secret('target-secret-1') }),
    approvals: {
      request: async (held, _signal, pending) => {
        pending('ap-1', 'http://console/ap-1');
        const yes = await (options.decide?.(held.statement) ?? Promise.reject(new Error('nobody to ask')));
        if (!yes) return { state: 'denied', approvalId: 'ap-1', decidedBy: 'bob' };
        return { state: 'approved', approvalId: 'ap-1', decidedBy: 'bob', redeem: async () => true };
      },
    },
    recording: options.recording ?? {
      ready: () => true,
      open: () => new MemoryRecorder(log),
      rejected: (data) => rejected.push(String(data.code ?? data.why)),
    },
    now: Date.now,
    newId: () => `00000000-0000-7000-8000-${String(++count).padStart(12, '0')}`,
    failed: (_id, error) => failures.push(error),
    accept: {
      limits: {
        handshakeTimeout: 2_000,
        maxMessage: 8 << 20,
        maxHeldInput: 1 << 20,
        targetTimeout: 2_000,
        ...options.limits,
      },
      requireTls: options.requireTls ?? false,
      ...(options.tls ? { tls: options.tls } : {}),
      rejected: (why) => rejected.push(why),
    },
  });
  const protocol = openHttpProtocol();
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void pipeline.serve(protocol, socket, options.connection);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}/c/api`,
    port,
    log,
    rejected,
    failures,
    pipeline,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await pipeline.stop();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
