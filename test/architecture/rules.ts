import { builtinModules } from 'node:module';
import { forbidden, GUARDED_DOORS, PURE, type Room } from './layers.ts';
import { importsOf, memberOf, parse, type Syntax, type SyntaxNode } from './syntax.ts';

/** A source file to be judged. */
export interface SourceFile {
  /** From the checkout's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The package it belongs to; undefined for scripts and the like. */
  readonly room: Room | undefined;
}

const MAX_FILE_LINES = 500;
const MAX_FUNCTION_LINES = 80;

const parsed = new WeakMap<SourceFile, Syntax>();

/** Parsed once for all rules. */
function syntaxOf(file: SourceFile): Syntax {
  const syntax = parsed.get(file) ?? parse(file.text);
  parsed.set(file, syntax);
  return syntax;
}

function isTest(path: string): boolean {
  return /\.test\.ts$/.test(path);
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(packageOf(specifier));
}

function libraryProblem(room: Room, specifier: string, path: string): string | undefined {
  const name = packageOf(specifier);
  if (isBuiltin(specifier) || room.libraries.includes(name)) return undefined;
  // The test runner and its tools are the workspace's own.
  const forTests = isTest(path) || room.house === 'test' || path.endsWith('/testing.ts');
  if (forTests && ['@jest/globals', 'fast-check', '@swc/core'].includes(name)) return undefined;
  return `imports ${name}, which its package.json does not declare`;
}

function doorProblem(file: SourceFile, specifier: string, rooms: readonly Room[]): string | undefined {
  const name = packageOf(specifier);
  const door = `.${specifier.slice(name.length)}`;
  const target = rooms.find((room) => room.name === name);
  if (door !== '.' && !target?.doors.includes(door)) {
    return `imports ${specifier}: only what ${name} exports is public`;
  }
  const holder = GUARDED_DOORS[specifier];
  const free = file.room?.name === holder || file.room?.house === 'test';
  if (!holder || free || isTest(file.path) || file.path.endsWith('/testing.ts')) return undefined;
  return `imports ${specifier}, which is open to ${holder} alone`;
}

function workspaceProblem(
  file: SourceFile,
  room: Room,
  specifier: string,
  rooms: readonly Room[],
): string | undefined {
  const name = packageOf(specifier);
  const door = doorProblem(file, specifier, rooms);
  if (door) return door;
  if (name === room.name) return 'imports its own package by name';
  if (!room.declared.includes(name)) return `imports ${name}, which its package.json does not declare`;
  const reason = forbidden(room, name, rooms);
  return reason && `imports ${name}: ${reason}`;
}

function leavesRoom(path: string, specifier: string): boolean {
  const base = path.split('/');
  const inside = base[0] === 'test' ? 1 : 3;
  const depth = base.length - 1;
  const ups = specifier.split('/').filter((part) => part === '..').length;
  return depth - ups < inside;
}

/** Imports go down the layers, to declared packages, through their front door. */
export function importProblems(file: SourceFile, rooms: readonly Room[], syntax = syntaxOf(file)): string[] {
  const { room, path } = file;
  if (!room) return [];
  return importsOf(syntax).flatMap((specifier) => {
    if (specifier === '?') {
      // What a computed import loads cannot be judged; the command line alone chooses a file at run time.
      return isTest(path) || room.house === 'test' ? [] : ['imports a computed name'];
    }
    if (specifier.startsWith('.')) {
      return leavesRoom(path, specifier) ? [`imports ${specifier}, outside of its package`] : [];
    }
    const problem = specifier.startsWith('@scrim/')
      ? workspaceProblem(file, room, specifier, rooms)
      : libraryProblem(room, specifier, path);
    return problem ? [problem] : [];
  });
}

/** Members through which time, chance or the machine would reach code that must depend on its input alone. */
const IMPURE_OBJECTS = ['process', 'performance', 'crypto', 'globalThis', 'navigator'];
const IMPURE_CALLS = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'fetch',
  'require',
  'eval',
];

function impureName(node: SyntaxNode): string | undefined {
  const member = memberOf(node);
  if (member) {
    const [object, name] = member;
    if (object === 'Math' && (name === 'random' || name === '?')) return `Math.${name}`;
    if (object === 'Date' && !['UTC', 'parse', 'prototype'].includes(name)) return `Date.${name}`;
    if (IMPURE_OBJECTS.includes(object)) return `${object}.${name}`;
  }
  if (node.type === 'NewExpression') {
    const callee = node.callee as SyntaxNode;
    const args = (node.arguments as unknown[] | undefined) ?? [];
    if (callee.type === 'Identifier' && callee.value === 'Date' && args.length === 0) return 'new Date()';
  }
  if (node.type === 'CallExpression') {
    const callee = node.callee as SyntaxNode;
    const name = callee.type === 'Identifier' ? String(callee.value) : '';
    if (name === 'Date' || IMPURE_CALLS.includes(name)) return `${name}()`;
  }
  return undefined;
}

/** A name given to `Date` or `Math` would hide them from the look above. */
function aliasName(node: SyntaxNode): string | undefined {
  if (node.type !== 'VariableDeclarator') return undefined;
  const init = node.init as SyntaxNode | undefined;
  const name = init?.type === 'Identifier' ? String(init.value) : '';
  return ['Date', 'Math', ...IMPURE_OBJECTS].includes(name) ? `an alias of ${name}` : undefined;
}

/** model, policy and masking know no machine, no clock and no chance. Their tests may. */
export function purityProblems(file: SourceFile, syntax = syntaxOf(file)): string[] {
  const short = file.room?.name.replace('@scrim/', '') ?? '';
  if (!PURE.includes(short) || isTest(file.path)) return [];
  const builtins = importsOf(syntax)
    .filter((specifier) => !specifier.startsWith('.') && isBuiltin(specifier))
    .map((specifier) => `imports ${specifier}, but ${short} does no input or output`);
  const impure = syntax.nodes.flatMap((node) => {
    const name = impureName(node) ?? aliasName(node);
    return name ? [`uses ${name} in line ${syntax.lines(node).first}: hand it in instead`] : [];
  });
  return [...builtins, ...impure];
}

/** Words that mean more than the protocol of that name: the edge itself speaks them to the control plane. */
const EVERYDAY = ['http', 'grpc'];

function naming(protocol: string): RegExp {
  const quoted = `protocol-${protocol}\\b|(['"\`])${protocol}\\1`;
  return new RegExp(EVERYDAY.includes(protocol) ? quoted : `${quoted}|${protocol}`, 'i');
}

/** apps/edge names protocols in one file only, so that adding one is one line there. */
export function protocolNameProblems(file: SourceFile, protocols: readonly string[]): string[] {
  if (!file.path.startsWith('apps/edge/src/') || file.path === 'apps/edge/src/protocols.ts') return [];
  if (isTest(file.path)) return [];
  return protocols
    .filter((name) => naming(name).test(file.text))
    .map((name) => `names the protocol ${name}: only apps/edge/src/protocols.ts does`);
}

const FUNCTIONS = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression', 'ClassMethod'];
const FUNCTION_LIKE = [...FUNCTIONS, 'PrivateMethod', 'Constructor', 'MethodProperty'];

/** Bodies of `describe` hold tests: what is long about them is their number. */
function describeBodies(syntax: Syntax): Set<unknown> {
  const bodies = new Set<unknown>();
  for (const node of syntax.nodes) {
    if (node.type !== 'CallExpression') continue;
    let callee = node.callee as SyntaxNode;
    while (callee.type === 'CallExpression' || callee.type === 'MemberExpression') {
      callee = (callee.type === 'CallExpression' ? callee.callee : callee.object) as SyntaxNode;
    }
    if (callee.type !== 'Identifier' || callee.value !== 'describe') continue;
    for (const { expression } of node.arguments as { expression: unknown }[]) bodies.add(expression);
  }
  return bodies;
}

/** Files stay under 500 lines, functions under 80. */
export function sizeProblems(file: SourceFile, syntax = syntaxOf(file)): string[] {
  const lines = file.text.trimEnd().split('\n').length;
  const long = lines > MAX_FILE_LINES ? [`has ${lines} lines, more than ${MAX_FILE_LINES}`] : [];
  const exempt = isTest(file.path) ? describeBodies(syntax) : new Set();
  const functions = syntax.nodes.flatMap((node) => {
    if (!FUNCTION_LIKE.includes(node.type) || exempt.has(node) || !node.span) return [];
    const { first, last } = syntax.lines(node);
    const size = last - first + 1;
    return size > MAX_FUNCTION_LINES
      ? [`has a function of ${size} lines at line ${first}, more than ${MAX_FUNCTION_LINES}`]
      : [];
  });
  return [...long, ...functions];
}

const EMPTY_NAMES = ['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'managers'];

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}

/** Files and types are named by what they are; a name that fits anything collects everything. */
export function nameProblems(file: SourceFile, syntax = syntaxOf(file)): string[] {
  const inPath = file.path
    .split('/')
    .filter((part) => wordsOf(part).some((word) => EMPTY_NAMES.includes(word)));
  const types = ['ClassDeclaration', 'TsInterfaceDeclaration', 'TsTypeAliasDeclaration'];
  const inCode = syntax.nodes.flatMap((node) => {
    if (!types.includes(node.type)) return [];
    const name = String(((node.identifier ?? node.id) as SyntaxNode).value);
    return EMPTY_NAMES.includes(wordsOf(name).at(-1) ?? '') ? [name] : [];
  });
  const kebab = file.path.split('/').at(-1) ?? '';
  const problems = [...inPath, ...inCode].map((name) => `is or declares "${name}", a name that says nothing`);
  return /^[a-z0-9]+([.-][a-z0-9]+)*$/.test(kebab) ? problems : [...problems, 'is not named in kebab-case'];
}

/** Spelled apart, so that this file does not find itself. */
const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME'].join('|')})\\b`);
const TEST_NAMES = ['test', 'it', 'describe'];
const SWITCHED_OFF = ['skip', 'only', 'todo', 'failing'];

/** Nothing is left for later, and no test is switched off. */
export function unfinishedProblems(file: SourceFile, syntax?: Syntax): string[] {
  const marks = file.text.split('\n').flatMap((line, index) => {
    const mark = UNFINISHED.exec(line)?.[1];
    return mark ? [`says ${mark} in line ${index + 1}`] : [];
  });
  if (!/\.ts$/.test(file.path)) return marks;
  const { nodes, lines } = syntax ?? syntaxOf(file);
  const off = nodes.flatMap((node) => {
    const member = memberOf(node);
    const called = node.type === 'CallExpression' ? String((node.callee as SyntaxNode).value ?? '') : '';
    const isOff = member && TEST_NAMES.includes(member[0]) && SWITCHED_OFF.includes(member[1]);
    if (!isOff && !/^(x|f)(it|test|describe)$/.test(called)) return [];
    return [`switches a test off in line ${lines(node).first}`];
  });
  return [...marks, ...off];
}
