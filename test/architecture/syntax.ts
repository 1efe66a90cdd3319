import { parseSync } from '@swc/core';

/** A node of the syntax tree as swc gives it: a type, a span in bytes, and whatever else that type has. */
export interface SyntaxNode {
  readonly type: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [field: string]: unknown;
}

/** A parsed source file. */
export interface Syntax {
  readonly text: string;
  readonly nodes: readonly SyntaxNode[];
  /** Line (from 1) of a node's first, and of its last character. */
  readonly lines: (node: SyntaxNode) => { first: number; last: number };
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string';
}

function collect(value: unknown, into: SyntaxNode[]): void {
  if (Array.isArray(value)) {
    for (const each of value) collect(each, into);
  } else if (typeof value === 'object' && value !== null) {
    // Arguments of calls are wrapped ({ spread, expression }), so plain objects are walked as well.
    if (isNode(value)) into.push(value);
    for (const each of Object.values(value)) collect(each, into);
  }
}

/** Parses TypeScript. Throws on a syntax error: a file that cannot be judged fails the test. */
export function parse(text: string): Syntax {
  // swc counts bytes on through all files it has parsed; the empty statement put in front shows where this one starts.
  // A "#!" line is allowed at the very start only, which it then no longer is.
  const source = Buffer.from(`;${text.replace(/^#!/, '//')}`);
  const module = parseSync(source.toString(), { syntax: 'typescript', target: 'es2022', decorators: true });
  const base = module.body[0]?.span.start ?? 0;
  const nodes: SyntaxNode[] = [];
  collect(module.body, nodes);
  const lineAt = (offset: number) => {
    let line = 1;
    for (let at = source.indexOf(10); at !== -1 && at < offset; at = source.indexOf(10, at + 1)) line += 1;
    return line;
  };
  return {
    text,
    nodes,
    lines: ({ span }) => ({
      first: lineAt((span?.start ?? base) - base),
      last: lineAt(Math.max(0, (span?.end ?? base) - base - 1)),
    }),
  };
}

/** Wrappings that say something to the compiler alone: `('x' as string)`. */
const WRAPPINGS = ['TsAsExpression', 'TsConstAssertion', 'TsSatisfiesExpression', 'ParenthesisExpression'];

function textOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (WRAPPINGS.includes(value.type)) return textOf(value.expression);
  if (value.type === 'StringLiteral') return String(value.value);
  const quasis = value.quasis as { cooked?: string }[] | undefined;
  return value.type === 'TemplateLiteral' && quasis?.length === 1 ? quasis[0]?.cooked : undefined;
}

/** What a call loads when it is `import(x)`, `require(x)` or `import.meta.resolve(x)`; '?' when x is computed. */
function loaded(node: SyntaxNode): string | undefined {
  if (node.type !== 'CallExpression') return undefined;
  const callee = node.callee as SyntaxNode;
  const isImport = callee.type === 'Import';
  const isRequire = callee.type === 'Identifier' && callee.value === 'require';
  if (!isImport && !isRequire) return undefined;
  const [first] = node.arguments as { expression: unknown }[];
  return textOf(first?.expression) ?? '?';
}

/** Every module a file names: static and dynamic imports, re-exports, `import type`, `import()` types, `require`. */
export function importsOf(syntax: Syntax): string[] {
  const found: string[] = [];
  for (const node of syntax.nodes) {
    const source = textOf(node.source);
    if (/^(Import|Export(Named|All)?)\w*Declaration$/.test(node.type) && source) found.push(source);
    if (node.type === 'TsImportType') found.push(textOf(node.argument) ?? '?');
    if (node.type === 'TsExternalModuleReference') found.push(textOf(node.expression) ?? '?');
    const dynamic = loaded(node);
    if (dynamic) found.push(dynamic);
  }
  return found;
}

/** `a.b` or `a['b']` as ['a', 'b'], for members of plain names. */
export function memberOf(node: SyntaxNode): readonly [string, string] | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  const object = node.object as SyntaxNode;
  const property = node.property as SyntaxNode;
  if (object.type !== 'Identifier') return undefined;
  const name = property.type === 'Computed' ? (textOf(property.expression) ?? '?') : String(property.value);
  return [String(object.value), name];
}
