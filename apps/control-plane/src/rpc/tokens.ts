import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { type PutTokensRequest, type PutTokensResponse, PutTokensResponseSchema } from '@scrim/rpc';
import { type Vault, VaultRefused } from '../modules/vault/service.ts';
import { RpcFailure } from './failure.ts';
import type { Peer } from './peer.ts';

export interface TokenParts {
  readonly vault: Pick<Vault, 'put'>;
}

/** EdgeService.PutTokens: answers once everything is stored. */
export async function storeTokens(
  { vault }: TokenParts,
  peer: Peer,
  request: PutTokensRequest,
): Promise<PutTokensResponse> {
  try {
    await vault.put(peer.edgeId, request.tokens);
  } catch (error) {
    if (error instanceof VaultRefused) throw new RpcFailure(status.INVALID_ARGUMENT, error.message);
    throw error;
  }
  return create(PutTokensResponseSchema);
}
