import { describe, expect, test } from '@jest/globals';
import type { Room } from './layers.ts';
import {
  importProblems,
  nameProblems,
  protocolNameProblems,
  purityProblems,
  type SourceFile,
  sizeProblems,
  unfinishedProblems,
} from './rules.ts';
import { protocols, rooms, scripts, sources } from './source-tree.ts';

const all = [...rooms.values()];

function problemsOf(files: readonly SourceFile[], rule: (file: SourceFile) => string[]): string[] {
  return files.flatMap((file) => {
    try {
      return rule(file).map((problem) => `${file.path} ${problem}`);
    } catch (error) {
      // What cannot be parsed cannot be judged, and so does not pass.
      return [`${file.path} does not parse: ${String(error).slice(0, 200)}`];
    }
  });
}

describe('this checkout', () => {
  test('there are sources to judge', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(all.map((room) => room.name)).toContain('@scrim/model');
    expect(protocols).toContain('postgres');
  });
  test('imports go down the layers, to declared packages, by their front door', () => {
    expect(problemsOf(sources, (file) => importProblems(file, all))).toEqual([]);
  });
  test('model, policy and masking know no machine, no clock and no chance', () => {
    expect(problemsOf(sources, (file) => purityProblems(file))).toEqual([]);
  });
  test('apps/edge names protocols in protocols.ts alone', () => {
    expect(problemsOf(sources, (file) => protocolNameProblems(file, protocols))).toEqual([]);
  });
  test('files and functions stay readable in size', () => {
    expect(problemsOf(sources, (file) => sizeProblems(file))).toEqual([]);
  });
  test('files and types are named by what they are', () => {
    expect(problemsOf(sources, (file) => nameProblems(file))).toEqual([]);
  });
  test('nothing is left for later and no test is switched off', () => {
    expect(problemsOf([...sources, ...scripts], (file) => unfinishedProblems(file))).toEqual([]);
  });
});

/** A package as the rules would see it, for the violations below. */
function room(folder: string, declared: string[] = [], libraries: string[] = []): Room {
  const [house = '', name = ''] = folder.split('/');
  return {
    name: `@scrim/${name || house}`,
    house,
    declared,
    libraries,
    doors: name === 'protocol-kit' ? ['./mint'] : [],
  };
}

function file(path: string, text: string, declared: string[] = [], libraries: string[] = []): SourceFile {
  const folder = path.startsWith('test/') ? 'test' : path.split('/').slice(0, 2).join('/');
  return { path, text, room: room(folder, declared, libraries) };
}

const imaginary = [
  'model',
  'policy',
  'masking',
  'protocol-kit',
  'protocol-postgres',
  'protocol-http',
  'pipeline',
  'extra',
]
  .map((name) => room(`packages/${name}`))
  .concat(room('apps/edge'), room('apps/cli'), room('test'));

function importing(from: string, to: string): string[] {
  const name = to.split('/').slice(0, 2).join('/');
  return importProblems(file(`${from}/src/a.ts`, `import { x } from '${to}';`, [name]), imaginary);
}

describe('the import rule', () => {
  test.each([
    ['packages/protocol-postgres', '@scrim/protocol-http'],
    ['packages/protocol-postgres', '@scrim/pipeline'],
    ['packages/protocol-postgres', '@scrim/masking'],
    ['packages/pipeline', '@scrim/protocol-postgres'],
    ['packages/model', '@scrim/policy'],
    ['packages/policy', '@scrim/masking'],
    ['packages/masking', '@scrim/protocol-kit'],
    ['apps/cli', '@scrim/edge'],
    ['packages/pipeline', '@scrim/edge'],
    ['apps/edge', '@scrim/test'],
    ['apps/edge', '@scrim/nowhere'],
    ['packages/extra', '@scrim/model'],
    ['apps/edge', '@scrim/model/src/index.ts'],
    ['apps/edge', '@scrim/protocol-kit/mint'],
    ['packages/protocol-postgres', '@scrim/protocol-kit/mint'],
    ['packages/protocol-postgres', '@scrim/protocol-kit/other'],
  ])('%s may not import %s', (from, to) => {
    expect(importing(from, to)).toHaveLength(1);
  });
  test.each([
    ['packages/protocol-postgres', '@scrim/protocol-kit'],
    ['packages/pipeline', '@scrim/masking'],
    ['apps/edge', '@scrim/protocol-postgres'],
    ['packages/policy', '@scrim/model'],
    ['packages/pipeline', '@scrim/protocol-kit/mint'],
  ])('%s may import %s', (from, to) => {
    expect(importing(from, to)).toEqual([]);
  });
  test.each([
    `import '@scrim/model';`,
    `import type { X } from '@scrim/model';`,
    `export * from '@scrim/model';`,
    `export { x } from '@scrim/model';`,
    `export type { X } from '@scrim/model';`,
    `const x = await import('@scrim/model');`,
    'const x = await import(`@scrim/model`);',
    `const x = await import('@scrim/model' as string);`,
    `type X = import('@scrim/model').X;`,
    `const x = require('@scrim/model');`,
    `import x = require('@scrim/model');`,
  ])('sees %s', (text) => {
    expect(importProblems(file('packages/policy/src/a.ts', text), imaginary)).toEqual([
      'imports @scrim/model, which its package.json does not declare',
    ]);
  });
  test('sees undeclared libraries, computed imports and ways around the front door', () => {
    const problems = (text: string) =>
      importProblems(file('packages/policy/src/deep/a.ts', text, [], ['yaml']), imaginary);
    expect(problems(`import 'yaml'; import 'node:fs'; import '../b.ts';`)).toEqual([]);
    expect(problems(`import 'yaml/deep'; import 'lodash/get';`)).toEqual([
      'imports lodash, which its package.json does not declare',
    ]);
    expect(problems(`const x = await import(name);`)).toEqual(['imports a computed name']);
    expect(problems(`import '../../../model/src/index.ts';`)).toHaveLength(1);
    expect(problems(`import '../../package.json';`)).toHaveLength(1);
  });
});

describe('the purity rule', () => {
  const judge = (text: string, path = 'packages/masking/src/a.ts') => purityProblems(file(path, text));
  test.each([
    `import { readFileSync } from 'node:fs';`,
    `import fs from 'fs';`,
    'const t = Date.now();',
    `const t = Date['now']();`,
    'const t = new Date();',
    'const t = Date();',
    'const D = Date;',
    'const r = Math.random();',
    'const r = Math[how]();',
    'const id = crypto.randomUUID();',
    'const id = globalThis.crypto.randomUUID();',
    'const t = performance.now();',
    'const e = process.env.X;',
    'setTimeout(f, 1);',
    'await fetch(u);',
  ])('forbids %s', (text) => {
    expect(judge(text).length).toBeGreaterThan(0);
  });
  test('allows what depends on its input alone, and leaves tests and other packages free', () => {
    expect(
      judge('const a = new Date(0); const b = Date.UTC(1, 2); const c = Math.max(1, 2); type T = Date;'),
    ).toEqual([]);
    expect(judge('Date.now();', 'packages/masking/src/a.test.ts')).toEqual([]);
    expect(judge('Date.now();', 'packages/recording/src/a.ts')).toEqual([]);
  });
});

describe('the other rules', () => {
  test('a protocol named in apps/edge outside of protocols.ts is found', () => {
    const judge = (path: string, text: string) =>
      protocolNameProblems(file(path, text), ['postgres', 'http']);
    expect(judge('apps/edge/src/listen.ts', `if (kind === 'postgres') go();`)).toHaveLength(1);
    expect(judge('apps/edge/src/listen.ts', `import x from '@scrim/protocol-http';`)).toHaveLength(1);
    expect(judge('apps/edge/src/listen.ts', 'import { createServer } from "node:http";')).toEqual([]);
    expect(judge('apps/edge/src/listen.ts', `if (kind === 'http') go();`)).toHaveLength(1);
    expect(judge('apps/edge/src/listen.ts', 'const isPostgres = true;')).toHaveLength(1);
    expect(judge('apps/edge/src/protocols.ts', `import x from '@scrim/protocol-http';`)).toEqual([]);
  });
  test('long files and functions are found, whatever was parsed before', () => {
    const lines = (count: number) => Array.from({ length: count }, () => '  f("ä");').join('\n');
    const judge = (text: string, path = 'packages/model/src/a.ts') => sizeProblems(file(path, text));
    expect(judge(`// x\nfunction f() {\n${lines(79)}\n}\n`)).toEqual([
      'has a function of 81 lines at line 2, more than 80',
    ]);
    expect(judge(`// x\nfunction f() {\n${lines(78)}\n}\n`)).toEqual([]);
    expect(judge(`const f = () => {\n${lines(90)}\n};`)).toHaveLength(1);
    expect(judge(`class A {\n  #m() {\n${lines(90)}\n}\n}`)).toHaveLength(1);
    expect(judge(`class A {\n  constructor() {\n${lines(90)}\n}\n}`)).toHaveLength(1);
    expect(judge(`const o = { m() {\n${lines(90)}\n} };`)).toHaveLength(1);
    expect(judge(lines(501))).toEqual(['has 501 lines, more than 500']);
    expect(judge(lines(500))).toEqual([]);
    expect(judge(`#!/usr/bin/env node\nfunction f() {\n${lines(79)}\n}\n`)).toHaveLength(1);
    const described = `describe('a', () => {\n${lines(90)}\n});`;
    expect(judge(described, 'packages/model/src/a.test.ts')).toEqual([]);
    expect(judge(described)).toHaveLength(1);
  });
  test('names that say nothing are found', () => {
    const judge = (path: string, text = '') => nameProblems(file(path, text));
    for (const name of [
      'utils.ts',
      'string-helpers.ts',
      'common/ids.ts',
      'session-manager.ts',
      'SessionStore.ts',
    ]) {
      expect(judge(`packages/model/src/${name}`)).toHaveLength(1);
    }
    expect(judge('packages/model/src/a.ts', 'class EdgeManager {}')).toHaveLength(1);
    expect(judge('packages/model/src/a.ts', 'interface PathHelper {}')).toHaveLength(1);
    expect(judge('packages/model/src/common-name.ts')).toHaveLength(1);
    expect(judge('packages/model/src/session.test.ts', 'const commonName = 1;')).toEqual([]);
  });
  test('unfinished work and switched-off tests are found', () => {
    const judge = (text: string) => unfinishedProblems(file('packages/model/src/a.test.ts', text));
    expect(judge(`// ${'TO'}${'DO'}: later`)).toHaveLength(1);
    expect(judge(`// ${'FIX'}${'ME'}`)).toHaveLength(1);
    for (const text of [
      'test.skip("a", f);',
      'it.only("a", f);',
      'describe.skip.each([])("a", f);',
      'xit("a", f);',
      'test.todo("a");',
    ]) {
      expect(judge(text)).toHaveLength(1);
    }
    expect(judge('test("skip", f); stream.skip(1); const s = "test.skip";')).toEqual([]);
    expect(
      unfinishedProblems({ path: 'scripts/a.mjs', text: `# ${'TO'}${'DO'}`, room: undefined }),
    ).toHaveLength(1);
  });
});
