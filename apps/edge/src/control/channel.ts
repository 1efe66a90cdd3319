import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls';
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
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
  type RequestApprovalRequest,
  type RequestApprovalResponse,
  serviceDefinition,
  type WatchRequest,
  type WatchResponse,
} from '@scrim/rpc';
import type { EdgeIdentity } from './edge-identity.ts';

/** The name a control plane's certificate bears; an edge's certificate of the same authority does not. */
const CONTROL_PLANE = 'URI:spiffe://scrim/control-plane';

/** Names are for finding the server; who it is, its certificate's URI says. */
function checkServer(_host: string, certificate: PeerCertificate): Error | undefined {
  const names = certificate.subjectaltname?.split(', ') ?? [];
  return names.includes(CONTROL_PLANE) ? undefined : new Error('the server is no control plane');
}

export function pemOf(der: Uint8Array): string {
  return new X509Certificate(der).toString();
}

function clientOf(address: string, secureContext: SecureContext): Client {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return new Client(
    address,
    credentials.createFromSecureContext(secureContext, { checkServerIdentity: checkServer }),
    {
      ...KEEPALIVE_OPTIONS,
      // Connections are never shared: a renewed certificate must really be shown.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.min_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.enable_retries': 0,
      // TLS server names are names (RFC 6066 section 3): an address there is a protocol error.
      ...(isIP(host) ? { 'grpc.ssl_target_name_override': 'control-plane.scrim.internal' } : {}),
    },
  );
}

type Unary<Q, S> = (request: Q, timeoutMs: number) => Promise<S>;

function unary<Q, S>(client: Client, method: MethodDefinition<Q, S>): Unary<Q, S> {
  return (request, timeoutMs) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          if (error) reject(error);
          else if (response) resolve(response);
          else reject(new Error('the control plane sent no answer'));
        },
      );
    });
}

function method<Q, S>(service: typeof EdgeService | typeof EnrolmentService, name: string) {
  const found = serviceDefinition(service)[name];
  if (found === undefined) throw new Error(`the contract has no method ${name}`);
  return found as MethodDefinition<Q, S>;
}

/** The one call of an edge that has no certificate yet. */
export interface EnrolmentClient {
  readonly enrol: Unary<EnrolRequest, EnrolResponse>;
  close(): void;
}

/** @param authority the pinned authority's certificate, DER */
export function enrolmentClient(address: string, authority: Uint8Array): EnrolmentClient {
  const client = clientOf(address, createSecureContext({ ca: pemOf(authority), minVersion: 'TLSv1.2' }));
  return { enrol: unary(client, method(EnrolmentService, 'enrol')), close: () => client.close() };
}

/** The calls of an enrolled edge, over one connection. */
export interface EdgeClient {
  readonly renew: Unary<RenewRequest, RenewResponse>;
  readonly redeem: Unary<RedeemApprovalRequest, RedeemApprovalResponse>;
  readonly putTokens: Unary<PutTokensRequest, PutTokensResponse>;
  watch(): ClientDuplexStream<WatchRequest, WatchResponse>;
  requestApproval(request: RequestApprovalRequest): ClientReadableStream<RequestApprovalResponse>;
  close(): void;
}

export function edgeClient(address: string, identity: EdgeIdentity): EdgeClient {
  const client = clientOf(
    address,
    createSecureContext({
      ca: pemOf(identity.authority),
      key: identity.key.pem(),
      cert: identity.chain.map(pemOf).join('\n'),
      minVersion: 'TLSv1.2',
    }),
  );
  const watch = method<WatchRequest, WatchResponse>(EdgeService, 'watch');
  const approval = method<RequestApprovalRequest, RequestApprovalResponse>(EdgeService, 'requestApproval');
  return {
    renew: unary(client, method(EdgeService, 'renew')),
    redeem: unary(client, method(EdgeService, 'redeemApproval')),
    putTokens: unary(client, method(EdgeService, 'putTokens')),
    watch: () => client.makeBidiStreamRequest(watch.path, watch.requestSerialize, watch.responseDeserialize),
    requestApproval: (request) =>
      client.makeServerStreamRequest(
        approval.path,
        approval.requestSerialize,
        approval.responseDeserialize,
        request,
      ),
    close: () => client.close(),
  };
}
