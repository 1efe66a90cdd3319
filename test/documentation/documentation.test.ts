import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { REFUSALS } from '@scrim/model';
import { STATUS } from '@scrim/protocol-http';
import { SQLSTATE } from '@scrim/protocol-postgres';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The cells of every table row that starts with a word in code type. */
function rowsOf(path: string): string[][] {
  const rows = [...read(path).matchAll(/^\| `.*\|$/gm)];
  return rows.map(([row]) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** The words in code type of every row's first cell. */
function namedIn(path: string): string[] {
  return rowsOf(path).flatMap(([first = '']) =>
    [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
}

/** The text of an app's sources, tests and generated code left out. */
function sourcesOf(folder: string): string {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  const ours = names.filter((name) => /(?<!\.test)\.ts$/.test(name) && !name.startsWith('generated'));
  return ours.map((name) => read(join(folder, name))).join('\n');
}

const unique = (names: Iterable<string>) => [...new Set(names)].sort();

test('docs/errors.md has a row for every refusal, with its SQLSTATE and HTTP status, and for nothing else', () => {
  const documented = rowsOf('docs/errors.md').map(([code, , state, status]) => `${code} ${state} ${status}`);
  const codes = Object.keys(REFUSALS) as (keyof typeof REFUSALS)[];
  expect(documented.sort()).toEqual(
    codes.map((code) => `\`${code}\` ${SQLSTATE[code]} ${STATUS[code]}`).sort(),
  );
});

test('docs/configuration/edge.md has a row for every SCRIM_ setting of an edge, and for nothing else', () => {
  const used = ['config.ts', 'protocols.ts'].flatMap((name) => [
    ...read(`apps/edge/src/${name}`).matchAll(/\bSCRIM_[A-Z_]+\b/g),
  ]);
  const documented = namedIn('docs/configuration/edge.md').filter((name) => name.startsWith('SCRIM_'));
  expect(documented.sort()).toEqual(unique(used.map(([name]) => name)));
});

test('docs/metrics.md has a row for every metric, and for nothing else', () => {
  // The edge writes names in full, the control plane leaves the prefix to the functions that register them.
  const ofEdge = [...sourcesOf('apps/edge/src').matchAll(/'(scrim_\w+)'/g)].map(([, name = '']) => name);
  const registered = /\b(?:counter|gauge|latency)\(\s*[\w.]+,\s*'(\w+)'/g;
  const ofPlane = [...sourcesOf('apps/control-plane/src').matchAll(registered)].map(
    ([, name]) => `scrim_${name}`,
  );
  const used = unique([...ofEdge.filter((name) => name.startsWith('scrim_edge_')), ...ofPlane]);
  expect(used.length).toBeGreaterThan(8);
  const documented = namedIn('docs/metrics.md').filter((name) => name.startsWith('scrim_'));
  expect(documented.sort()).toEqual(used);
});

describe('links', () => {
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  test.each(['README.md', ...pages])('of %s lead somewhere', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const local = links.filter((link) => !/^(https?:|mailto:|#)/.test(link));
    const broken = local.filter((link) => !existsSync(join(ROOT, dirname(page), link.replace(/#.*$/, ''))));
    expect(broken).toEqual([]);
  });
});
