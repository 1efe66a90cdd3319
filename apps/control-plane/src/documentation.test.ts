import { readdirSync, readFileSync } from 'node:fs';
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
  const files = ['SCRIM_MASTER_KEY_FILE', 'SCRIM_MASTER_KEY_PREVIOUS_FILE'];
  expect([...new Set(documented)].sort()).toEqual([...new Set([...settings, ...files])].sort());
});

test('every error code and role is in the documentation, with its status', () => {
  const api = read('api.md');
  for (const [code, [status]] of Object.entries(API_PROBLEMS))
    expect(api).toContain(`| \`${code}\` | ${status} |`);
  for (const role of ROLES) expect(read('identities.md')).toContain(`| \`${role}\` |`);
});

test('every metric of the control plane is in the documentation', () => {
  const metrics = read('metrics.md');
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' });
  const sources = files.filter(
    (name) => name.endsWith('.ts') && !name.includes('generated') && !name.endsWith('.test.ts'),
  );
  const text = sources.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n');
  const names = [...text.matchAll(/\b(?:counter|gauge|latency)\(\s*[\w.]+,\s*'(\w+)'/g)].map(
    (match) => match[1],
  );
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) expect(metrics).toContain(`\`scrim_${name}\``);
});
