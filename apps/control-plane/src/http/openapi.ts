import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fastifyStatic from '@fastify/static';
import swagger from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { VERSION } from '../version.ts';
import type { Server } from './server.ts';

const DESCRIPTION = `The control plane of Scrim. Send \`Authorization: Bearer …\` with an API key, a Scrim token or an
ID token of a configured issuer. Errors are \`application/problem+json\` with a stable \`code\` and a \`mend\`. Lists
take \`limit\` and \`cursor\`, and answer \`items\` and \`next\`.`;

/** Collects the routes registered after it. Call it before any route. */
export async function registerOpenApi(server: Server): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Scrim', version: VERSION, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transform: (input) => {
      const { schema, url } = jsonSchemaTransform(input as Parameters<typeof jsonSchemaTransform>[0]);
      const access = input.route.config?.access;
      if (access === undefined || access === 'public') return { schema, url };
      const role = `Needs the role ${access.join(' or ')}.`;
      const description = [schema.description, role].filter(Boolean).join('\n\n');
      return { schema: { ...schema, description, security: [{ bearer: [] }], 'x-scrim-roles': access }, url };
    },
    transformObject: jsonSchemaTransformObject,
  });
}

/** The page's own script: swagger-ui's initializer points at a demo of theirs. */
const INITIALIZER = `window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: '../openapi.json', dom_id: '#swagger-ui', deepLinking: true, persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset], layout: 'StandaloneLayout',
    validatorUrl: null,
  });
};
`;

/** `/openapi.json` and a browsable page at `/docs/`. Both are open: they describe, they do not answer. */
export async function serveOpenApi(server: Server): Promise<void> {
  const config = { access: 'public' } as const;
  const hidden = { hide: true };
  // Built once, when all routes are known: a schema that cannot be described ends the start and not a request.
  let description: object = {};
  server.addHook('onReady', async () => {
    description = server.swagger();
  });
  server.get('/openapi.json', { config, schema: hidden }, async () => description);
  server.get('/docs', { config, schema: hidden }, async (_request, reply) => reply.redirect('docs/', 302));
  const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const index = readFileSync(join(root, 'index.html'), 'utf8').replace(
    '<title>Swagger UI</title>',
    '<title>Scrim API</title>',
  );
  server.get('/docs/', { config, schema: hidden }, async (_request, reply) =>
    reply.type('text/html').send(index),
  );
  server.get('/docs/swagger-initializer.js', { config, schema: hidden }, async (_request, reply) =>
    reply.type('text/javascript').send(INITIALIZER),
  );
  await server.register(fastifyStatic, { root, serve: false });
  // Named one by one: the package holds far more than the page needs.
  for (const file of [
    'swagger-ui.css',
    'index.css',
    'swagger-ui-bundle.js',
    'swagger-ui-standalone-preset.js',
    'favicon-32x32.png',
    'favicon-16x16.png',
  ])
    server.get(`/docs/${file}`, { config, schema: hidden }, async (_request, reply) => reply.sendFile(file));
}
