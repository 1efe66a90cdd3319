import { createHash } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { type ServiceError, status } from '@grpc/grpc-js';
import { CapabilitiesSchema, EnrolRequestSchema } from '@scrim/rpc';
import { Backoff } from './backoff.ts';
import { enrolmentClient } from './channel.ts';
import type { EdgeIdentity, IdentityStore } from './edge-identity.ts';
import { type JoinToken, parseJoinToken } from './join-token.ts';

/** What the edge can enforce, as it tells the control plane. */
export interface EdgeCapabilities {
  readonly version: string;
  /** JSON of each protocol's capability table, by protocol name. */
  readonly protocols: Readonly<Record<string, string>>;
}

export interface EnrolOptions {
  readonly store: IdentityStore;
  /** `host:port` of the control plane's gRPC listener. */
  readonly address: string;
  readonly joinToken: string;
  readonly name: string;
  readonly capabilities: EdgeCapabilities;
  readonly signal: AbortSignal;
  /** How long an unreachable control plane is tried; default 60,000 ms. */
  readonly patienceMs?: number;
}

/** An enrolment that will not succeed by trying again. */
export class EnrolmentRefused extends Error {
  override readonly name = 'EnrolmentRefused';
}

function splitAddress(address: string): { host: string; port: number } {
  const match = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(address);
  if (match?.[1] === undefined) throw new EnrolmentRefused(`the control plane's address must be host:port`);
  return { host: match[1], port: Number(match[2]) };
}

/** Walks the chain as the peer sent it; the last one is its own issuer. */
function* chainOf(leaf: DetailedPeerCertificate): Generator<Buffer> {
  let certificate: DetailedPeerCertificate | undefined = leaf;
  for (let depth = 0; certificate?.raw && depth < 8; depth += 1) {
    yield certificate.raw;
    if (certificate.issuerCertificate === certificate) return;
    certificate = certificate.issuerCertificate;
  }
}

/**
 * Finds the authority that the join token names among the certificates the server shows. Nothing is sent and nothing
 * else is believed on this connection: only a certificate with the pinned fingerprint comes out, and the real
 * connection is then verified against it.
 */
function pinnedAuthority(address: string, join: JoinToken): Promise<Buffer> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    const finish = (error: Error | undefined, authority?: Buffer) => {
      socket.destroy();
      if (authority) resolve(authority);
      else reject(error ?? new Error('the connection was closed'));
    };
    socket.setTimeout(5_000, () => finish(new Error('the control plane does not answer')));
    socket.once('error', (error) => finish(error));
    socket.once('close', () => finish(undefined));
    socket.once('secureConnect', () => {
      const found = [...chainOf(socket.getPeerCertificate(true))].find(
        (der) => createHash('sha256').update(der).digest('hex') === join.authority,
      );
      finish(
        new EnrolmentRefused(
          'the server is not the control plane the join token is from: check the address, and that nothing ' +
            'between here and there takes TLS apart',
        ),
        found,
      );
    });
  });
}

async function enrolOnce(options: EnrolOptions, join: JoinToken): Promise<EdgeIdentity> {
  const authority = await pinnedAuthority(options.address, join);
  const key = await options.store.key();
  const client = enrolmentClient(options.address, authority);
  try {
    const answer = await client.enrol(
      create(EnrolRequestSchema, {
        joinToken: join.token,
        csr: await key.request(),
        name: options.name,
        capabilities: create(CapabilitiesSchema, {
          version: options.capabilities.version,
          protocols: { ...options.capabilities.protocols },
        }),
      }),
      10_000,
    );
    // Never the authority in the answer: the pinned one is what was verified.
    const certified = { edgeId: answer.edgeId, chain: answer.certificateChain, authority };
    return await options.store.save(key, { ...certified, snapshotKey: answer.snapshotKey }, Date.now());
  } finally {
    client.close();
  }
}

const FINAL: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.ALREADY_EXISTS,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.UNIMPLEMENTED,
]);

/**
 * Enrols this edge: key pair made here, authority pinned by the join token, certificate asked for, all of it kept in
 * the data folder (mode 0600). An answer lost on the way costs nothing: the same token with the same key is answered
 * again while the token lives.
 *
 * @throws EnrolmentRefused when trying again is of no use, otherwise the last error once `patienceMs` is over
 */
export async function enrol(options: EnrolOptions): Promise<EdgeIdentity> {
  const join = parseJoinToken(options.joinToken);
  const until = Date.now() + (options.patienceMs ?? 60_000);
  const backoff = new Backoff(200, 5_000);
  for (;;) {
    try {
      return await enrolOnce(options, join);
    } catch (error) {
      const { code, details } = error as Partial<ServiceError>;
      if (typeof code === 'number' && FINAL.has(code)) {
        throw new EnrolmentRefused(`the control plane refuses the edge: ${details}`, { cause: error });
      }
      if (error instanceof EnrolmentRefused || Date.now() >= until || options.signal.aborted) throw error;
      await backoff.wait(options.signal);
    }
  }
}
