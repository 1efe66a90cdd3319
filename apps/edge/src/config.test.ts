import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ConfigError, readConfig } from './config.ts';

const VARIABLES = {
  SCRIM_EDGE_POSTGRES: { protocol: 'postgres', ownPorts: false },
  SCRIM_EDGE_HTTP: { protocol: 'http', ownPorts: true },
};
const good = { SCRIM_CONTROL_PLANE: 'control-plane:7443', SCRIM_EDGE_POSTGRES: '0.0.0.0:6432' };
const read = (env: Readonly<Record<string, string>>) => readConfig({ ...good, ...env }, VARIABLES);

test('a join token comes from a file; one that was taken away after the first start is none', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'scrim-join-')), 'join-token');
  expect(read({ SCRIM_JOIN_TOKEN_FILE: file })).not.toHaveProperty('joinToken');
  writeFileSync(file, 'scrim_join_x\n');
  expect(read({ SCRIM_JOIN_TOKEN_FILE: file }).joinToken).toBe('scrim_join_x');
  writeFileSync(file, '\n');
  expect(read({ SCRIM_JOIN_TOKEN_FILE: file })).not.toHaveProperty('joinToken');
});

test('TLS cannot be required without a certificate, and each wrong setting names itself and the mend', () => {
  const cases: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [{ SCRIM_EDGE_REQUIRE_TLS: 'true' }, /^SCRIM_EDGE_REQUIRE_TLS: .*set SCRIM_EDGE_TLS_KEY_FILE/],
    [{ SCRIM_EDGE_REQUIRE_TLS: 'yes' }, /^SCRIM_EDGE_REQUIRE_TLS: .*write true or false/],
    [{ SCRIM_EDGE_TLS_KEY_FILE: '/nonexistent' }, /^SCRIM_EDGE_TLS_KEY_FILE: there is no such file/],
    [{ SCRIM_EDGE_POSTGRES: '6432' }, /^SCRIM_EDGE_POSTGRES: .*HOST:PORT/],
    [{ SCRIM_CONTROL_PLANE: '' }, /^SCRIM_CONTROL_PLANE: is not set/],
    [{ SCRIM_EDGE_POSTGRES: '0.0.0.0:6432=shop' }, /^SCRIM_EDGE_POSTGRES: .*write HOST:PORT alone/],
    [{ SCRIM_EDGE_HTTP: '0.0.0.0:8080=' }, /^SCRIM_EDGE_HTTP: .*write HOST:PORT=connection/],
    [{ SCRIM_EDGE_HTTP: '0.0.0.0:8080=a=b' }, /^SCRIM_EDGE_HTTP: .*write HOST:PORT=connection/],
    [{ SCRIM_EDGE_HTTP: '0.0.0.0:8080,0.0.0.0:8081' }, /^SCRIM_EDGE_HTTP: several addresses/],
    [{ SCRIM_EDGE_HTTP: '0.0.0.0:8080,' }, /^SCRIM_EDGE_HTTP: .*is no address/],
    [{ SCRIM_EDGE_SPOOL: 'much' }, /^SCRIM_EDGE_SPOOL: .*64MiB/],
  ];
  for (const [env, message] of cases) {
    expect(() => read(env)).toThrow(ConfigError);
    expect(() => read(env)).toThrow(message);
  }
});

test("a port of HTTP can be one connection's own, beside the one for all", () => {
  const { listeners } = read({ SCRIM_EDGE_HTTP: '0.0.0.0:8080, 127.0.0.1:8081=openai' });
  expect(listeners.filter((it) => it.protocol === 'http')).toEqual([
    { protocol: 'http', host: '0.0.0.0', port: 8080 },
    { protocol: 'http', host: '127.0.0.1', port: 8081, connection: 'openai' },
  ]);
});
