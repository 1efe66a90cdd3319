import { actorOf, principalOf } from '../../auth/access.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import {
  detokeniseInput,
  detokeniseView,
  erasedValueView,
  erasedView,
  eraseParams,
  eraseQuery,
  eraseValueInput,
  vaultKeyView,
} from './schema.ts';
import type { Vault } from './service.ts';

const tags = ['vault'];

/** Reversible tokens: opened for whom a policy names, forgotten on demand. */
export function registerVault(server: Server, vault: Vault): void {
  server.post(
    '/v1/detokenise',
    {
      config: { access: ['user'], rateLimit: { max: 120, timeWindow: 60_000 } },
      schema: {
        tags,
        summary: 'Open reversible tokens',
        description:
          'For callers one of whose groups a policy names under `detokenise`, and only tokens that policy made; no role ' +
          'is enough by itself. Each request stands in the audit with its tokens, never with a value.',
        body: detokeniseInput,
        response: answers(detokeniseView),
      },
    },
    async (request) => vault.detokenise(principalOf(request), actorOf(request), request.body),
  );
  server.delete(
    '/v1/vault/tokens/:token',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: "Forget a token's value for good",
        description: 'The token itself stays what it is: one that nobody can reverse any more.',
        params: eraseParams,
        querystring: eraseQuery,
        response: answers(erasedView),
      },
    },
    async (request) => {
      const { token } = request.params;
      return { token, ...(await vault.erase(actorOf(request), token, request.query.reason)) };
    },
  );
  server.post(
    '/v1/vault/erase',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Forget a value under all of its tokens, for good',
        description:
          'Also under those it would get later. The answer and the audit name the tokens, not the value.',
        body: eraseValueInput,
        response: answers(erasedValueView),
      },
    },
    async (request) => {
      const { value, reason } = request.body;
      return { tokens: [...(await vault.eraseValue(actorOf(request), value, reason))] };
    },
  );
  server.post(
    '/v1/vault/keys',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Seal to a new vault key from now on',
        description: 'What was sealed to older keys still opens.',
        response: answers(vaultKeyView),
      },
    },
    async (request) => vault.renewKey(actorOf(request)),
  );
}
