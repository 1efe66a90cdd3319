import { create } from '@bufbuild/protobuf';
import {
  experimental,
  type handleUnaryCall,
  Server,
  type ServerCredentials,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  EdgeService,
  EnrolmentService,
  type EnrolRequest,
  type EnrolResponse,
  KEEPALIVE_OPTIONS,
  type PutTokensRequest,
  type PutTokensResponse,
  type RedeemApprovalRequest,
  type RedeemApprovalResponse,
  type RenewRequest,
  type RenewResponse,
  RenewResponseSchema,
  serviceDefinition,
} from '@scrim/rpc';
import type { Authority } from '../modules/edges/authority.ts';
import { type ApprovalParts, redeemApproval, requestApproval } from './approvals.ts';
import { type EnrolmentHandlers, enrol } from './enrolment.ts';
import { RpcFailure, statusOf, toFailure } from './failure.ts';
import { type Peer, type PeerCall, peerOf } from './peer.ts';
import { storeTokens, type TokenParts } from './tokens.ts';
import { type WatchParts, watch } from './watch.ts';

export interface RpcOptions extends EnrolmentHandlers, WatchParts, ApprovalParts, TokenParts {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Host names and addresses edges dial. */
  readonly names: readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds the listener's own certificate lives; default 30 days, renewed while it runs. */
  readonly certificateLife?: number;
}

export interface RpcServer {
  readonly port: number;
  /** Takes no new calls, ends the open ones, and resolves when the port is free. */
  close(): Promise<void>;
}

const DAY = 86_400_000;
const LONGEST_TIMER = 2 ** 31 - 1;
/** The largest thing an edge has to say is the statement an approver reads. */
const MAX_MESSAGE = 4 * 1024 * 1024;

type Provider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];

/**
 * The listener's certificate, renewed while the server runs. A client certificate is asked for but not required by
 * TLS: enrolment has none yet; every other call insists on one by itself.
 */
class ListenerCertificate {
  readonly #options: Pick<RpcOptions, 'authority' | 'names' | 'now' | 'certificateLife' | 'problem'>;
  readonly #listeners = new Set<Parameters<Provider['addIdentityCertificateListener']>[0]>();
  #timer: NodeJS.Timeout | undefined;
  #current: { certificate: Buffer; privateKey: Buffer } | null = null;

  constructor(options: Pick<RpcOptions, 'authority' | 'names' | 'now' | 'certificateLife' | 'problem'>) {
    this.#options = options;
  }

  credentials(authority: Authority): ServerCredentials {
    const provider: Provider = {
      addCaCertificateListener: (listener) => {
        process.nextTick(listener, { caCertificate: authority.pem });
      },
      removeCaCertificateListener: () => {},
      addIdentityCertificateListener: (listener) => {
        this.#listeners.add(listener);
        process.nextTick(listener, this.#current);
      },
      removeIdentityCertificateListener: (listener) => void this.#listeners.delete(listener),
    };
    // One object in both places: the parameters' declared order and their use differ between releases.
    return experimental.createCertificateProviderServerCredentials(provider, provider, false);
  }

  async renew(): Promise<void> {
    const { authority, names, now, certificateLife, problem } = this.#options;
    const life = certificateLife ?? 30 * DAY;
    const issued = await authority.issueServer(names, now(), life);
    this.#current = { certificate: issued.chain, privateKey: issued.key };
    for (const listener of this.#listeners) listener(this.#current);
    const again = () =>
      this.renew().catch((error: unknown) => problem('the listener has no new certificate', error));
    this.#timer = setTimeout(() => void again(), Math.min((life * 2) / 3, LONGEST_TIMER));
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** A unary handler from an async function; what it throws becomes a status, what it did not mean to say stays here. */
function unary<Q, S>(
  problem: RpcOptions['problem'],
  handle: (request: Q, call: PeerCall) => Promise<S>,
): handleUnaryCall<Q, S> {
  return (call, callback) => {
    handle(call.request, call as unknown as PeerCall).then(
      (response) => callback(null, response),
      (error: unknown) => {
        const failure = toFailure(error);
        if (failure.code === status.UNAVAILABLE) problem('a call failed', error);
        callback(statusOf(failure));
      },
    );
  };
}

async function renew(options: RpcOptions, request: RenewRequest, call: PeerCall): Promise<RenewResponse> {
  const { enrolment, authority, pool } = options;
  let peer: Peer | undefined;
  try {
    peer = await peerOf(call, pool);
  } catch (error) {
    // A certificate that has ended proves nothing by TLS any more; then the signed request has to.
    if (!(error instanceof RpcFailure) || error.code !== status.UNAUTHENTICATED) throw error;
  }
  const issued =
    peer === undefined
      ? (await enrolment.renewLapsed(request.csr)).certificate
      : await enrolment.renew(peer.edgeId, request.csr);
  return create(RenewResponseSchema, { certificateChain: [issued.der, authority.certificate] });
}

function services(
  options: RpcOptions,
): [ReturnType<typeof serviceDefinition>, UntypedServiceImplementation][] {
  const { problem, pool } = options;
  const enrolment = {
    enrol: unary<EnrolRequest, EnrolResponse>(problem, (request) => enrol(options, request)),
  };
  const edge = {
    renew: unary<RenewRequest, RenewResponse>(problem, (request, call) => renew(options, request, call)),
    watch: (call: Parameters<typeof watch>[1]) => watch(options, call),
    requestApproval: (call: Parameters<typeof requestApproval>[1]) => requestApproval(options, call),
    redeemApproval: unary<RedeemApprovalRequest, RedeemApprovalResponse>(problem, async (request, call) =>
      redeemApproval(options, await peerOf(call, pool), request),
    ),
    putTokens: unary<PutTokensRequest, PutTokensResponse>(problem, async (request, call) =>
      storeTokens(options, await peerOf(call, pool), request),
    ),
  };
  return [
    [serviceDefinition(EnrolmentService), enrolment as unknown as UntypedServiceImplementation],
    [serviceDefinition(EdgeService), edge as unknown as UntypedServiceImplementation],
  ];
}

/** Starts the listener edges dial: TLS for enrolment, mutual TLS for all else, one port. */
export async function startRpc(options: RpcOptions): Promise<RpcServer> {
  const certificate = new ListenerCertificate(options);
  await certificate.renew();
  const server = new Server({
    ...KEEPALIVE_OPTIONS,
    'grpc.max_receive_message_length': MAX_MESSAGE,
    'grpc.max_concurrent_streams': 2_000,
  });
  for (const [definition, implementation] of services(options)) server.addService(definition, implementation);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${options.port}`, certificate.credentials(options.authority), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    close: async () => {
      certificate.stop();
      server.forceShutdown();
    },
  };
}
