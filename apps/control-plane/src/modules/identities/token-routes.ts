import { actorOf, principalOf } from '../../auth/access.ts';
import { pageOf } from '../../http/page.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import {
  certificateSpec,
  exchangeSpec,
  newCertificate,
  newToken,
  revokedView,
  tokenParams,
  tokenQuery,
  tokenSpec,
  tokenView,
} from './schema.ts';
import type { Tokens } from './tokens.ts';

const tags = ['tokens'];

/** What callers present at an edge. */
export function registerTokens(server: Server, tokens: Tokens): void {
  server.post(
    '/v1/tokens',
    {
      config: { access: ['user'] },
      schema: {
        tags,
        summary: 'Get a Scrim token',
        description: 'For yourself; in development mode administrators may name any subject and groups.',
        body: tokenSpec,
        response: answers(newToken),
      },
    },
    async (request) => tokens.issue(principalOf(request), actorOf(request), request.body),
  );
  server.post(
    '/v1/ssh/certificates',
    {
      config: { access: ['user'] },
      schema: {
        tags,
        summary: 'Get an SSH user certificate',
        description: 'Says what a token would, for the holder of a key; for whom, as with tokens.',
        body: certificateSpec,
        response: answers(newCertificate),
      },
    },
    async (request) => tokens.certify(principalOf(request), actorOf(request), request.body),
  );
  server.post(
    '/v1/tokens/exchange',
    {
      config: { access: 'public', rateLimit: { max: 120, timeWindow: 60_000 } },
      schema: {
        tags,
        summary: 'Exchange an ID token for a Scrim token',
        description: 'The ID token in the body is the proof; no other is asked for.',
        body: exchangeSpec,
        response: answers(newToken),
      },
    },
    async (request) => tokens.exchange(request.body, { requestId: request.id, ip: request.ip }),
  );
  server.get(
    '/v1/tokens',
    {
      config: { access: ['admin', 'auditor'] },
      schema: {
        tags,
        summary: 'Scrim tokens that have not expired',
        querystring: tokenQuery,
        response: answers(pageOf(tokenView)),
      },
    },
    async (request) => tokens.list(request.query),
  );
  server.post(
    '/v1/tokens/:tokenId/revoke',
    {
      config: { access: ['user'] },
      schema: {
        tags,
        summary: 'Refuse a token from now on',
        description: 'Your own, or any as an administrator. Edges hear of it within a second.',
        params: tokenParams,
        response: answers(revokedView),
      },
    },
    async (request) => tokens.revoke(principalOf(request), actorOf(request), request.params.tokenId),
  );
}
