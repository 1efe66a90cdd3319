import type { z } from 'zod';
import { actorOf } from '../../auth/access.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import type { Change } from './difference.ts';
import { changesView, documentInput, documentQuery } from './schema.ts';
import type { Configuration } from './service.ts';

const tags = ['documents'];

function viewOf(changes: readonly Change[]): z.infer<typeof changesView> {
  return {
    changes: changes.map(({ changes: values, ...change }) => ({
      ...change,
      ...(values && { changes: values.map((value) => ({ ...value })) }),
    })),
  };
}

/** The whole `scrim/v1` file at once: what `scrim apply` and `scrim diff` call. */
export function registerDocuments(server: Server, configuration: Configuration): void {
  const schema = { tags, querystring: documentQuery, body: documentInput, response: answers(changesView) };
  server.post(
    '/v1/apply',
    {
      config: { access: ['admin'] },
      schema: {
        ...schema,
        summary: 'Make connections and policies what the document says',
        description:
          'All of it or nothing. Repeating it changes nothing. What it does not name stays, unless prune=true.',
      },
    },
    async (request) =>
      viewOf(await configuration.apply(actorOf(request), request.body, request.query.prune === 'true')),
  );
  server.post(
    '/v1/diff',
    {
      config: { access: ['admin'] },
      schema: {
        ...schema,
        summary: 'What applying the document would change',
        description: 'Checks and compares exactly as apply does, and keeps nothing.',
      },
    },
    async (request) =>
      viewOf(await configuration.diff(actorOf(request), request.body, request.query.prune === 'true')),
  );
}
