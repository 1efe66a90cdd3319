import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ApiError, notFound } from './problem.ts';
import type { Server } from './server.ts';

/** The same place seen from src and from dist. */
const CONSOLE = fileURLToPath(new URL('../../../console/', import.meta.url));

/**
 * Stricter than the API's own: no script, style, image or address but the control plane's, no markup made from texts
 * (Trusted Types), never in a frame, where a click could be stolen for an approval.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Address below `/console/` to where the file lies. */
type Files = ReadonlyMap<string, { readonly root: string; readonly name: string }>;

function filesUnder(root: string, prefix: string, isServed: (name: string) => boolean): [string, string][] {
  try {
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
    return names.filter(isServed).map((name) => [prefix + name, name]);
  } catch {
    return [];
  }
}

/** Listed once: what is asked for is looked up and never becomes a path. */
function consoleFiles(folder: string): Files {
  const hand = join(folder, 'public');
  const built = join(folder, 'dist');
  const pages = filesUnder(hand, '', (name) => /\.(html|css|svg)$/.test(name));
  const scripts = filesUnder(built, 'js/', (name) => /(?<!\.test)\.js$/.test(name));
  return new Map([
    ...pages.map(([address, name]) => [address, { root: hand, name }] as const),
    ...scripts.map(([address, name]) => [address, { root: built, name }] as const),
  ]);
}

function sendFile(reply: FastifyReply, files: Files, address: string): FastifyReply {
  if (!files.has('index.html') || !files.has('js/main.js'))
    throw new ApiError('SCRIM_API_NOT_FOUND', {
      detail: 'the console is not built',
      mend: 'run `npm run build` in the checkout and start the control plane again; the API serves without it',
    });
  const file = files.get(address);
  if (file === undefined) throw notFound('file of the console', address);
  return reply.header('content-security-policy', CONTENT_SECURITY_POLICY).sendFile(file.name, file.root);
}

/**
 * Serves the web console at `/console/`, and leads there from `/` and from `/approvals/<id>`, the address a caller is
 * told for a held operation. Open to everybody: it holds nothing, and asks the API as whoever signs in. Needs the
 * `sendFile` that serveOpenApi brings. A console that is not built is answered with how to build it. `folder` holds
 * `public` (written by hand) and `dist` (compiled).
 */
export function serveConsole(server: Server, folder = CONSOLE): void {
  const files = consoleFiles(folder);
  const config = { access: 'public' } as const;
  const hide = { hide: true };
  // Relative, so that a path a proxy puts in front stays in front.
  server.get('/', { config, schema: hide }, async (_request, reply) => reply.redirect('console/', 302));
  server.get('/console', { config, schema: hide }, async (_request, reply) =>
    reply.redirect('console/', 302),
  );
  server.get(
    '/approvals/:id',
    { config, schema: { ...hide, params: z.object({ id: z.uuid() }) } },
    async (request, reply) => reply.redirect(`../console/#/approvals/${request.params.id}`, 302),
  );
  server.get('/console/', { config, schema: hide }, async (_request, reply) =>
    sendFile(reply, files, 'index.html'),
  );
  server.get(
    '/console/*',
    { config, schema: { ...hide, params: z.object({ '*': z.string() }) } },
    async (request, reply) => sendFile(reply, files, request.params['*']),
  );
}
