import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../http/problem.ts';
import type { Actor, Principal, Role } from './principal.ts';

/** Who may call a route: nobody in particular, or whoever has one of the roles (`user` = anybody known). */
export type Access = 'public' | readonly [Role, ...Role[]];

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route must say it; registration fails otherwise. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Undefined on public routes only; use {@link principalOf}. */
    principal?: Principal;
  }
}

/** Proves who sends a request, or throws SCRIM_API_UNAUTHENTICATED. */
export type Authenticate = (bearer: string) => Promise<Principal>;

const HOW = 'send authorization: Bearer with an API key (scrim_ak_…), a Scrim token or an ID token';

function bearerOf(request: FastifyRequest): string {
  const header = request.headers.authorization;
  const match = header === undefined ? null : /^Bearer +([\x21-\x7e]{1,16384}) *$/i.exec(header);
  if (match) return match[1] as string;
  const detail =
    header === undefined ? 'there is no authorization header' : 'the authorization header is no Bearer';
  throw new ApiError('SCRIM_API_UNAUTHENTICATED', { detail, mend: HOW });
}

/**
 * Guards every route of `app`: one that does not declare its access fails to register, so nobody can forget it; every
 * request is authenticated and its role checked before its body is read.
 */
export function guardRoutes(app: FastifyInstance, authenticate: Authenticate): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined)
      throw new Error(`route ${String(route.method)} ${route.url} declares no access`);
  });
  // After onRequest, where the rate limit counts: guessing keys must count as well. The body is not read yet.
  app.addHook('preParsing', async (request) => {
    const access = request.routeOptions.config.access;
    // Unknown addresses have no access to declare and answer 404 to everybody.
    if (request.is404 || access === 'public') return;
    const principal = await authenticate(bearerOf(request));
    request.principal = principal;
    if (access?.some((role) => principal.roles.includes(role))) return;
    const wanted = access?.join(' or ') ?? 'no';
    throw new ApiError('SCRIM_API_FORBIDDEN', {
      detail: `this needs the role ${wanted}; ${principal.subject} has ${principal.roles.join(', ')}`,
      mend: 'ask an administrator to bind one of your groups to the role (PUT /v1/role-bindings)',
    });
  });
}

/** The proven sender of a request on a route that is not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal) return request.principal;
  throw new ApiError('SCRIM_API_UNAUTHENTICATED', { detail: 'this route needs to know who asks', mend: HOW });
}

/** Who the audit log names for a change made by this request. */
export function actorOf(request: FastifyRequest): Actor {
  return { subject: principalOf(request).subject, requestId: request.id, ip: request.ip };
}
