import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { afterEach, expect, test } from '@jest/globals';
import Fastify from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { serveConsole } from './console.ts';
import { answerError } from './errors.ts';
import type { Server } from './server.ts';
import { validate } from './validation.ts';

const folder = mkdtempSync(join(tmpdir(), 'scrim-console-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function serverOn(consoleFolder: string): Promise<Server> {
  const server = Fastify().withTypeProvider<ZodTypeProvider>() as unknown as Server;
  server.setValidatorCompiler(validate);
  server.setSerializerCompiler(serializerCompiler);
  server.setErrorHandler(answerError);
  await server.register(fastifyStatic, { root: tmpdir(), serve: false });
  serveConsole(server, consoleFolder);
  await server.ready();
  return server;
}

test('a console that is not there or not built is no reason not to start, and says how to build it', async () => {
  const server = await serverOn(join(folder, 'nowhere'));
  const answer = await server.inject('/console/');
  expect([answer.statusCode, answer.json().mend]).toEqual([404, expect.stringContaining('npm run build')]);
  await server.close();
});

test('only pages and compiled scripts are served, whatever is asked for', async () => {
  mkdirSync(join(folder, 'public'), { recursive: true });
  mkdirSync(join(folder, 'dist', 'pages'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  for (const name of ['index.html', 'notes.txt']) writeFileSync(join(folder, 'public', name), name);
  for (const name of ['main.js', 'main.d.ts', 'main.js.map', 'main.test.js', 'pages/a.js'])
    writeFileSync(join(folder, 'dist', name), name);
  const server = await serverOn(folder);
  const statusOf = async (url: string) => (await server.inject(url)).statusCode;
  for (const served of ['', 'index.html', 'js/main.js', 'js/pages/a.js'])
    expect([served, await statusOf(`/console/${served}`)]).toEqual([served, 200]);
  const refused = [
    'notes.txt',
    'js/main.d.ts',
    'js/main.js.map',
    'js/main.test.js',
    'js/..%2f..%2fpackage.json',
  ];
  for (const each of [...refused, '%2e%2e/package.json', 'js//main.js', 'constructor'])
    expect([each, await statusOf(`/console/${each}`)]).toEqual([each, 404]);
  expect(await statusOf('/console/js/%00')).toBe(422);
  const page = await server.inject('/console/');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(page.headers['content-type']).toContain('text/html');
  await server.close();
});

test('the addresses people are told lead into the console, relative to any prefix', async () => {
  const server = await serverOn(folder);
  const leads = async (url: string) => (await server.inject(url)).headers.location;
  const id = '0197a9c4-8a10-7c3e-9a59-7a5c3f1d2b10';
  expect(await leads('/')).toBe('console/');
  expect(await leads('/console')).toBe('console/');
  expect(await leads(`/approvals/${id}`)).toBe(`../console/#/approvals/${id}`);
  expect(await leads('/approvals/elsewhere')).toBeUndefined();
  await server.close();
});
