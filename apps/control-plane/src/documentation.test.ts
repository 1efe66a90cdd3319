import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROLES } from './auth/principal.ts';
import { API_PROBLEMS } from './http/problem.ts';

const DOCS = join(import.meta.dirname, '../../../docs');
const read = (name: string) => readFileSync(join(DOCS, name), 'utf8');

test('every setting is in the documentation, and nothing that is none', () => {
  const source = readFileSync(join(import.meta.dirname, 'config.ts'), 'utf8');
  const settings = [...source.matchAll(/'((?:SCRIM_[A-Z_]+|DATABASE_URL|REDIS_URL))'/g)].map(
    (match) => match[1],
  );
  const documented = [...read('configuration/control-plane.md').matchAll(/^\| `.*$/gm)].flatMap(([row]) =>
    [...row.split('|')[1]!.matchAll(/`([A-Z_]+)`/g)].map((match) => match[1]!),
  );
  // What the reader takes from a file as well is spelled `<variable>_FILE` in the code.
  const files = [...source.matchAll(/reader\.(?:secret|secretUrl|key)\(\s*'([A-Z_]+)'/g)].map(
    ([, name]) => `${name}_FILE`,
  );
  expect(files).toContain('SCRIM_MASTER_KEY_FILE');
  expect([...new Set(documented)].sort()).toEqual([...new Set([...settings, ...files])].sort());
});

test('every error code and role is in the documentation, with its status', () => {
  const api = read('api.md');
  for (const [code, [status]] of Object.entries(API_PROBLEMS))
    expect(api).toContain(`| \`${code}\` | ${status} |`);
  for (const role of ROLES) expect(read('identities.md')).toContain(`| \`${role}\` |`);
});
