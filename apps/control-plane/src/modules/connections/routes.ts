import { z } from 'zod';
import { actorOf } from '../../auth/access.ts';
import { pageOf } from '../../http/page.ts';
import { ApiError, invalid } from '../../http/problem.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import { expectedVersion, ifMatch, setVersion } from '../../http/version.ts';
import type { Configuration } from '../documents/service.ts';
import { connectionInput, connectionParams, connectionQuery, connectionView } from './schema.ts';

const tags = ['connections'];
const nothing = z.null().describe('done');

/** Targets, their labels and what they are entered with. */
export function registerConnections(server: Server, configuration: Configuration): void {
  registerReading(server, configuration);
  registerCreation(server, configuration);
  registerReplacement(server, configuration);
  registerRemoval(server, configuration);
}

function registerReading(server: Server, { connections }: Configuration): void {
  server.get(
    '/v1/connections',
    {
      config: { access: ['admin', 'auditor'] },
      schema: {
        tags,
        summary: 'List connections',
        querystring: connectionQuery,
        response: answers(pageOf(connectionView)),
      },
    },
    async (request) => connections.list(request.query),
  );
  server.get(
    '/v1/connections/:name',
    {
      config: { access: ['admin', 'auditor'] },
      schema: {
        tags,
        summary: 'Read a connection',
        params: connectionParams,
        response: answers(connectionView),
      },
    },
    async (request, reply) => {
      const view = await connections.get(request.params.name);
      setVersion(reply, view.version);
      return view;
    },
  );
}

/** POST creates only: a name that is taken is a conflict of names, whatever version it has. */
function nameTaken(name: string): ApiError {
  return new ApiError('SCRIM_API_CONFLICT', {
    detail: `there is a connection "${name}" already`,
    mend: `choose another name, or change it by PUT /v1/connections/${name}`,
  });
}

function registerCreation(server: Server, configuration: Configuration): void {
  const { connections } = configuration;
  server.post(
    '/v1/connections',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Register a connection',
        body: connectionInput,
        response: { ...answers(connectionView), 201: connectionView },
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      await configuration.change((tx) =>
        connections.put(tx, actorOf(request), request.body, 0).catch((error) => {
          const taken = error instanceof ApiError && error.code === 'SCRIM_API_VERSION_CONFLICT';
          throw taken ? nameTaken(name) : error;
        }),
      );
      const view = await connections.get(name);
      setVersion(reply, view.version);
      return reply.code(201).send(view);
    },
  );
}

function registerReplacement(server: Server, configuration: Configuration): void {
  const { connections } = configuration;
  server.put(
    '/v1/connections/:name',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Create or replace a connection',
        description: 'With If-Match the change is refused (409) when the connection was changed meanwhile.',
        params: connectionParams,
        headers: ifMatch,
        body: connectionInput,
        response: answers(connectionView),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      if (request.body.name !== name)
        throw invalid(
          'name',
          `is "${request.body.name}", the address says "${name}"`,
          'names cannot be changed: write the same',
        );
      const expected = expectedVersion(request);
      await configuration.change((tx) => connections.put(tx, actorOf(request), request.body, expected));
      const view = await connections.get(name);
      setVersion(reply, view.version);
      return view;
    },
  );
}

function registerRemoval(server: Server, configuration: Configuration): void {
  const { connections } = configuration;
  server.delete(
    '/v1/connections/:name',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Remove a connection and its credential',
        params: connectionParams,
        headers: ifMatch,
        response: { ...answers(connectionView), 204: nothing },
      },
    },
    async (request, reply) => {
      const expected = expectedVersion(request);
      await configuration.change((tx) =>
        connections.remove(tx, actorOf(request), request.params.name, expected),
      );
      return reply.code(204).send(null);
    },
  );
}
