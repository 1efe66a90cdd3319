import { z } from 'zod';
import { actorOf } from '../../auth/access.ts';
import { pageOf, pageQuery } from '../../http/page.ts';
import { invalid } from '../../http/problem.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import { expectedVersion, ifMatch, setVersion } from '../../http/version.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Issuers } from './issuers.ts';
import type { Machines } from './machines.ts';
import type { RoleBindings } from './role-bindings.ts';
import {
  apiKeySpec,
  apiKeyView,
  idParams,
  issuerQuery,
  issuerSpec,
  issuerView,
  machineParams,
  machineSpec,
  machineView,
  newApiKeyView,
  roleBinding,
  roleBindingQuery,
} from './schema.ts';

const tags = ['identities'];
const ADMIN = { access: ['admin'] } as const;
const READERS = { access: ['admin', 'auditor'] } as const;
const done = { ...answers(z.unknown()), 204: z.null() };

/** OIDC providers. Their address is their name, so it travels as a query parameter. */
export function registerIssuers(server: Server, issuers: Issuers): void {
  server.get(
    '/v1/issuers',
    {
      config: READERS,
      schema: {
        tags,
        summary: 'Trusted OIDC providers',
        response: answers(z.object({ items: z.array(issuerView) })),
      },
    },
    async () => ({ items: await issuers.list() }),
  );
  server.put(
    '/v1/issuers',
    {
      config: ADMIN,
      schema: {
        tags,
        summary: 'Trust a provider, or change how',
        description:
          'Its discovery document and keys are fetched at once, and again every SCRIM_JWKS_REFRESH.',
        headers: ifMatch,
        body: issuerSpec,
        response: answers(issuerView),
      },
    },
    async (request, reply) => {
      const view = await issuers.put(actorOf(request), request.body, expectedVersion(request));
      setVersion(reply, view.version);
      return view;
    },
  );
  server.delete(
    '/v1/issuers',
    {
      config: ADMIN,
      schema: {
        tags,
        summary: 'Trust a provider no more',
        querystring: issuerQuery,
        headers: ifMatch,
        response: done,
      },
    },
    async (request, reply) => {
      await issuers.remove(actorOf(request), request.query.url, expectedVersion(request));
      return reply.code(204).send(null);
    },
  );
  server.post(
    '/v1/issuers/refresh',
    {
      config: ADMIN,
      schema: {
        tags,
        summary: "Fetch a provider's keys now",
        querystring: issuerQuery,
        response: answers(issuerView),
      },
    },
    async (request) => {
      await issuers.get(request.query.url);
      await issuers.refresh(request.query.url);
      return issuers.get(request.query.url);
    },
  );
}

/** Machines known by the claims of a provider's tokens. */
export function registerMachines(server: Server, machines: Machines): void {
  server.get(
    '/v1/machine-identities',
    {
      config: READERS,
      schema: {
        tags,
        summary: 'List machines',
        querystring: pageQuery,
        response: answers(pageOf(machineView)),
      },
    },
    async (request) => machines.list(request.query),
  );
  server.get(
    '/v1/machine-identities/:name',
    {
      config: READERS,
      schema: { tags, summary: 'Read a machine', params: machineParams, response: answers(machineView) },
    },
    async (request, reply) => {
      const view = await machines.get(request.params.name);
      setVersion(reply, view.version);
      return view;
    },
  );
  server.put(
    '/v1/machine-identities/:name',
    {
      config: ADMIN,
      schema: {
        tags,
        summary: 'Create or change a machine',
        params: machineParams,
        headers: ifMatch,
        body: machineSpec,
        response: answers(machineView),
      },
    },
    async (request, reply) => {
      if (request.body.name !== request.params.name)
        throw invalid(
          'name',
          'differs from the one in the address',
          'names cannot be changed: write the same',
        );
      const view = await machines.put(actorOf(request), request.body, expectedVersion(request));
      setVersion(reply, view.version);
      return view;
    },
  );
  server.delete(
    '/v1/machine-identities/:name',
    {
      config: ADMIN,
      schema: { tags, summary: 'Forget a machine', params: machineParams, headers: ifMatch, response: done },
    },
    async (request, reply) => {
      await machines.remove(actorOf(request), request.params.name, expectedVersion(request));
      return reply.code(204).send(null);
    },
  );
}

/** Keys of programs that use this API. */
export function registerApiKeys(server: Server, apiKeys: ApiKeys): void {
  server.get(
    '/v1/api-keys',
    {
      config: READERS,
      schema: {
        tags,
        summary: 'List API keys',
        querystring: pageQuery,
        response: answers(pageOf(apiKeyView)),
      },
    },
    async (request) => apiKeys.list(request.query),
  );
  server.post(
    '/v1/api-keys',
    {
      config: ADMIN,
      schema: {
        tags,
        summary: 'Make an API key',
        description: 'The key is in this answer and nowhere else: only its hash is kept.',
        body: apiKeySpec,
        response: { ...answers(newApiKeyView), 201: newApiKeyView },
      },
    },
    async (request, reply) => {
      const { view, key } = await apiKeys.create(actorOf(request), request.body);
      return reply.code(201).send({ ...view, key: key.reveal() });
    },
  );
  server.delete(
    '/v1/api-keys/:id',
    {
      config: ADMIN,
      schema: { tags, summary: 'Revoke an API key', params: idParams, response: answers(apiKeyView) },
    },
    async (request) => apiKeys.revoke(actorOf(request), request.params.id),
  );
}

/** Which groups have which role. */
export function registerRoleBindings(server: Server, bindings: RoleBindings): void {
  server.get(
    '/v1/role-bindings',
    {
      config: READERS,
      schema: {
        tags,
        summary: 'Roles by group',
        response: answers(z.object({ items: z.array(roleBinding) })),
      },
    },
    async () => ({ items: await bindings.list() }),
  );
  server.put(
    '/v1/role-bindings',
    {
      config: ADMIN,
      schema: { tags, summary: 'Give a group a role', body: roleBinding, response: answers(roleBinding) },
    },
    async (request) => bindings.add(actorOf(request), request.body),
  );
  server.delete(
    '/v1/role-bindings',
    {
      config: ADMIN,
      schema: { tags, summary: 'Take a role from a group', querystring: roleBindingQuery, response: done },
    },
    async (request, reply) => {
      await bindings.remove(actorOf(request), request.query);
      return reply.code(204).send(null);
    },
  );
}
