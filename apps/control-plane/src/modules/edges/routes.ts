import { resourceName } from '@scrim/model';
import { z } from 'zod';
import { actorOf } from '../../auth/access.ts';
import { pageOf } from '../../http/page.ts';
import type { Server } from '../../http/server.ts';
import {
  addressView,
  edgeDetailView,
  edgeId,
  edgeView,
  joinTokenInput,
  joinTokenView,
  newJoinTokenView,
} from './schema.ts';
import type { Edges } from './service.ts';
import type { CertificateRecord, EdgeRecord, JoinTokenRecord } from './store.ts';

function iso(date: Date): string;
function iso(date: Date | null): string | null;
function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

/** An edge tells its host key among its capabilities: what a client must know before it sends a token. */
function knownHosts({ capabilities, listeners }: EdgeRecord): { knownHosts?: string } {
  const { protocols } = (capabilities ?? {}) as { protocols?: { ssh?: { identity?: unknown } } };
  const identity = protocols?.ssh?.identity;
  const address = /^(.+):(\d+)$/.exec(listeners.ssh ?? '');
  if (typeof identity !== 'string' || !/^[\w@.-]+ [A-Za-z0-9+/=]+$/.test(identity) || !address) return {};
  return { knownHosts: `${address[2] === '22' ? address[1] : `[${address[1]}]:${address[2]}`} ${identity}` };
}

function viewEdge(edge: EdgeRecord): z.output<typeof edgeView> {
  return {
    ...edge,
    listeners: { ...edge.listeners },
    ...knownHosts(edge),
    lastSeenAt: iso(edge.lastSeenAt),
    createdAt: iso(edge.createdAt),
  };
}

function viewCertificate(certificate: CertificateRecord) {
  return {
    ...certificate,
    notBefore: iso(certificate.notBefore),
    notAfter: iso(certificate.notAfter),
    revokedAt: iso(certificate.revokedAt),
  };
}

function viewToken(token: JoinTokenRecord): z.output<typeof joinTokenView> {
  return {
    ...token,
    createdAt: iso(token.createdAt),
    expiresAt: iso(token.expiresAt),
    usedAt: iso(token.usedAt),
  };
}

function registerJoinTokens(server: Server, edges: Edges): void {
  const access = { config: { access: ['admin'] as ['admin'] } };
  server.post(
    '/v1/join-tokens',
    {
      ...access,
      schema: {
        tags: ['edges'],
        summary: 'Make a one-time token an edge enrols with',
        body: joinTokenInput,
        response: { 201: newJoinTokenView },
      },
    },
    async (request, reply) => {
      const made = await edges.createJoinToken(request.body, actorOf(request));
      return reply.code(201).send({ ...viewToken(made), token: made.token });
    },
  );
  server.get(
    '/v1/join-tokens',
    {
      ...access,
      schema: {
        tags: ['edges'],
        summary: 'Join tokens, newest first',
        response: { 200: pageOf(joinTokenView) },
      },
    },
    async () => ({ items: (await edges.joinTokens()).map(viewToken) }),
  );
  server.delete(
    '/v1/join-tokens/:id',
    {
      ...access,
      schema: {
        tags: ['edges'],
        summary: 'Revoke a join token nobody has used yet',
        params: edgeId,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await edges.revokeJoinToken(request.params.id, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}

/** Edges, the tokens they join with, and where callers reach connections through them. */
export function registerEdges(server: Server, edges: Edges): void {
  registerJoinTokens(server, edges);
  server.get(
    '/v1/edges',
    {
      config: { access: ['admin', 'auditor'] },
      schema: {
        tags: ['edges'],
        summary: 'Edges and what they last said',
        response: { 200: pageOf(edgeView) },
      },
    },
    async () => ({ items: (await edges.list()).map(viewEdge) }),
  );
  server.get(
    '/v1/edges/:id',
    {
      config: { access: ['admin', 'auditor'] },
      schema: {
        tags: ['edges'],
        summary: 'One edge with its certificates',
        params: edgeId,
        response: { 200: edgeDetailView },
      },
    },
    async (request) => {
      const edge = await edges.get(request.params.id);
      return { ...viewEdge(edge), certificates: edge.certificates.map(viewCertificate) };
    },
  );
  server.post(
    '/v1/edges/:id/revoke',
    {
      config: { access: ['admin'] },
      schema: {
        tags: ['edges'],
        summary: 'Refuse an edge from now on; it forgets what it holds',
        params: edgeId,
        response: { 200: edgeView },
      },
    },
    async (request) => viewEdge(await edges.revoke(request.params.id, actorOf(request))),
  );
  server.get(
    '/v1/connections/:name/addresses',
    {
      config: { access: ['user'] },
      schema: {
        tags: ['connections'],
        summary: 'Where callers reach a connection: one address for each connected edge that serves it',
        params: z.object({ name: resourceName }),
        response: { 200: z.object({ addresses: z.array(addressView) }) },
      },
    },
    async (request) => ({ addresses: await edges.addresses(request.params.name) }),
  );
}
