import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { ConfigError, readConfig } from './config.ts';

const KEY = Buffer.alloc(32, 1).toString('base64');
const good = {
  DATABASE_URL: 'postgresql://scrim:db-password@db/scrim',
  REDIS_URL: 'redis://:redis-password@redis:6379',
  SCRIM_MASTER_KEY: KEY,
};

function problems(environment: Record<string, string>): string {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

test('three settings are enough, and production is the default', () => {
  const config = readConfig(good);
  expect(config.mode).toBe('production');
  expect(config.http).toEqual({ host: '127.0.0.1', port: 7080 });
  expect(config.publicUrl).toBe('http://127.0.0.1:7080');
  expect(config.edgeRedisUrl.reveal()).toBe(good.REDIS_URL);
});

test('printing the configuration shows no password and no key', () => {
  const { masterKey, ...rest } = readConfig({
    ...good,
    SCRIM_MODE: 'development',
    SCRIM_ADMIN_TOKEN: 'the-admin-token-x',
  });
  expect(masterKey.length).toBe(32);
  expect(inspect(rest, { depth: 9 }) + JSON.stringify(rest)).not.toMatch(/password|the-admin-token/);
});

test('one start shows every mistake', () => {
  const lines = problems({ SCRIM_HTTP_PORT: '70000', SCRIM_MODE: 'prod' }).split('\n');
  expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual([
    'DATABASE_URL',
    'REDIS_URL',
    'SCRIM_HTTP_PORT',
    'SCRIM_MASTER_KEY',
    'SCRIM_MODE',
  ]);
});

test.each<[string, string, RegExp]>([
  ['DATABASE_URL', 'mysql://h/db', /scheme mysql:; write postgres:/],
  ['DATABASE_URL', 'not a url with a pass:word', /is no URL/],
  ['REDIS_URL', 'http://h', /write redis:/],
  ['SCRIM_MASTER_KEY', 'short', /is not 32 bytes in base64; write 32 bytes/],
  ['SCRIM_MASTER_KEY_FILE', '/nonexistent', /is set and so is/],
  ['SCRIM_MASTER_KEY_PREVIOUS', 'x', /is not 32 bytes/],
  ['SCRIM_HTTP_PORT', '-1', /whole number from 0 to 65535/],
  ['SCRIM_LOG_LEVEL', 'loud', /write one of trace, debug/],
  ['SCRIM_SNAPSHOT_LIFETIME', '1s', /at least 10s/],
  ['SCRIM_BODY_LIMIT', 'big', /write a number with a unit/],
  ['SCRIM_PUBLIC_URL', 'ftp://x', /write http:/],
  ['SCRIM_ADMIN_TOKEN', 'the-admin-token-x', /refused in production mode; remove it/],
  ['SCRIM_SUPERVISED', 'yes', /write one of true, false/],
])('%s=%s is refused with the mend, without quoting a secret', (variable, value, message) => {
  const text = problems({ ...good, [variable]: value });
  expect(text).toMatch(message);
  expect(text).not.toMatch(/db-password|redis-password|the-admin-token|pass:word/);
  expect(text).toContain(variable);
});

test('the master key comes from a file as well', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'scrim-key-')), 'key');
  writeFileSync(file, `${KEY}\n`);
  const { SCRIM_MASTER_KEY: _, ...rest } = good;
  expect(Buffer.from(readConfig({ ...rest, SCRIM_MASTER_KEY_FILE: file }).masterKey).toString('base64')).toBe(
    KEY,
  );
  const missing = problems({ ...rest, SCRIM_MASTER_KEY_FILE: '/nonexistent' });
  expect(missing).toMatch(/SCRIM_MASTER_KEY_FILE names a file that cannot be read \(ENOENT\)/);
});

test('addresses that hold passwords come from files as well, never from both places', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'scrim-url-')), 'url');
  writeFileSync(file, 'rediss://scrim:file-password@redis.example.com:6379\n');
  const { REDIS_URL: _, ...rest } = good;
  expect(readConfig({ ...rest, REDIS_URL_FILE: file }).edgeRedisUrl.reveal()).toContain('file-password');
  expect(readConfig({ ...good, SCRIM_EDGE_REDIS_URL_FILE: file }).edgeRedisUrl.reveal()).toContain(
    'file-password',
  );
  expect(problems({ ...good, REDIS_URL_FILE: file })).toMatch(/^REDIS_URL is set and so is REDIS_URL_FILE/);
  const missing = problems({ ...rest, REDIS_URL_FILE: '/nonexistent' });
  expect(missing.split('\n')).toEqual([expect.stringMatching(/^REDIS_URL_FILE names a file/)]);
  writeFileSync(file, 'mysql://scrim:file-password@x');
  expect(problems({ ...rest, REDIS_URL_FILE: file })).not.toContain('file-password');
});
