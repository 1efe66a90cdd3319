import { policySchema } from '@scrim/model';
import { z } from 'zod';
import { actorOf } from '../../auth/access.ts';
import { pageOf, pageQuery } from '../../http/page.ts';
import { invalid } from '../../http/problem.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import { expectedVersion, ifMatch, setVersion } from '../../http/version.ts';
import type { Configuration } from '../documents/service.ts';
import { policyInput, policyParams, policyVersionParams, policyView, rollbackInput } from './schema.ts';

const tags = ['policies'];
const READERS = ['admin', 'auditor', 'approver'] as const;

function registerReads(server: Server, { policies }: Configuration): void {
  server.get(
    '/v1/policies',
    {
      config: { access: READERS },
      schema: {
        tags,
        summary: 'List policies',
        querystring: pageQuery,
        response: answers(pageOf(policyView)),
      },
    },
    async (request) => policies.list(request.query),
  );
  server.get(
    '/v1/policies/:name',
    {
      config: { access: READERS },
      schema: {
        tags,
        summary: 'Read the current version',
        params: policyParams,
        response: answers(policyView),
      },
    },
    async (request, reply) => {
      const view = await policies.get(request.params.name);
      setVersion(reply, view.version);
      return view;
    },
  );
  server.get(
    '/v1/policies/:name/versions',
    {
      config: { access: READERS },
      schema: {
        tags,
        summary: 'Every version, newest first',
        params: policyParams,
        querystring: pageQuery,
        response: answers(pageOf(policyView)),
      },
    },
    async (request) => policies.history(request.params.name, request.query),
  );
  server.get(
    '/v1/policies/:name/versions/:version',
    {
      config: { access: READERS },
      schema: { tags, summary: 'One version', params: policyVersionParams, response: answers(policyView) },
    },
    async (request) => policies.version(request.params.name, request.params.version),
  );
}

function registerWrites(server: Server, configuration: Configuration): void {
  const { policies } = configuration;
  server.put(
    '/v1/policies/:name',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Create a policy or add a version',
        description: 'Refused when a rule could not fire on some connection it matches.',
        params: policyParams,
        headers: ifMatch,
        body: policyInput,
        response: answers(policyView),
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
      await configuration.change((tx) => policies.put(tx, actorOf(request), request.body, expected));
      const view = await policies.get(name);
      setVersion(reply, view.version);
      return view;
    },
  );
  server.post(
    '/v1/policies/:name/rollback',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Make an older version current, as a new version',
        params: policyParams,
        headers: ifMatch,
        body: rollbackInput,
        response: answers(policyView),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const expected = expectedVersion(request);
      await configuration.change(async (tx) => {
        const { policy } = await policies.version(name, request.body.version, tx);
        return policies.put(tx, actorOf(request), policySchema.parse(policy), expected);
      });
      const view = await policies.get(name);
      setVersion(reply, view.version);
      return view;
    },
  );
  server.delete(
    '/v1/policies/:name',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Stop enforcing a policy; its history stays',
        params: policyParams,
        headers: ifMatch,
        response: { ...answers(policyView), 204: z.null() },
      },
    },
    async (request, reply) => {
      const expected = expectedVersion(request);
      await configuration.change((tx) =>
        policies.remove(tx, actorOf(request), request.params.name, expected),
      );
      return reply.code(204).send(null);
    },
  );
}

/** Policies and their history. */
export function registerPolicies(server: Server, configuration: Configuration): void {
  registerReads(server, configuration);
  registerWrites(server, configuration);
}
