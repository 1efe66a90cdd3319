/**
 * Reading libpg-query's JSON tree. A node is `{ Tag: body }`; fields of a fixed type hold the body without its tag,
 * and fields with a default value are absent. Everything is read as unknown, so that a shape we do not expect is
 * nothing at all rather than a crash.
 */
export type Ast = { readonly [key: string]: unknown };

export function isAst(value: unknown): value is Ast {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body of field `key`, without its tag when it has one. */
export function child(node: Ast, key: string): Ast | undefined {
  const value = node[key];
  return isAst(value) ? untagged(value) : undefined;
}

/** The tagged nodes of a list field. */
export function list(node: Ast, key: string): readonly Ast[] {
  const value = node[key];
  if (Array.isArray(value)) return value.filter(isAst);
  const items = isAst(value) && isAst(value.List) ? value.List.items : undefined;
  return Array.isArray(items) ? items.filter(isAst) : [];
}

export function text(node: Ast, key: string): string | undefined {
  const value = node[key];
  return typeof value === 'string' ? value : undefined;
}

export function flag(node: Ast, key: string): boolean {
  return node[key] === true;
}

/** `[tag, body]` of a tagged node; `['', node]` when it has no tag. */
export function tagged(node: Ast): readonly [string, Ast] {
  for (const key in node) {
    const body = node[key];
    if (isTag(key) && isAst(body)) return [key, body];
    break;
  }
  return ['', node];
}

export function untagged(node: Ast): Ast {
  return tagged(node)[1];
}

/** The body when the node carries `tag`. */
export function as(node: Ast | undefined, tag: string): Ast | undefined {
  const body = node?.[tag];
  return isAst(body) ? body : undefined;
}

export function isTag(key: string): boolean {
  const code = key.charCodeAt(0);
  return code >= 65 && code <= 90;
}

/** The strings of a list of String nodes: a qualified name. */
export function strings(nodes: readonly Ast[]): readonly string[] {
  const names: string[] = [];
  for (const node of nodes) {
    const value = as(node, 'String')?.sval;
    if (typeof value === 'string') names.push(value);
  }
  return names;
}

/** A name of one to three parts; a database in front of the schema is dropped, as PostgreSQL allows only its own. */
export function qualified(names: readonly string[]): { schema: string | null; name: string } | undefined {
  const name = names.at(-1);
  return name === undefined ? undefined : { schema: names.at(-2) ?? null, name };
}

/** Name and argument of each option; the argument is absent for a bare option. */
export function options(node: Ast, key: string): readonly { name: string; arg: Ast | undefined }[] {
  const found: { name: string; arg: Ast | undefined }[] = [];
  for (const item of list(node, key)) {
    const element = as(item, 'DefElem');
    const arg = element?.arg;
    if (element) found.push({ name: text(element, 'defname') ?? '', arg: isAst(arg) ? arg : undefined });
  }
  return found;
}

/** A literal option argument as text: string, number, boolean or a bare word. */
export function literal(arg: Ast | undefined): string | undefined {
  if (!arg) return undefined;
  const [tag, body] = tagged(arg);
  if (tag === 'String') return text(body, 'sval') ?? '';
  if (tag === 'Integer') return String(body.ival ?? 0);
  if (tag === 'Float') return text(body, 'fval');
  if (tag === 'Boolean') return String(body.boolval === true);
  if (tag === 'TypeName') return strings(list(body, 'names')).at(-1);
  if (tag === 'A_Const') return constantText(body);
  return undefined;
}

/** Text of a constant; undefined for NULL and for what is no plain constant. Zero and empty are absent in the tree. */
export function constantText(constant: Ast): string | undefined {
  if (isAst(constant.sval)) return text(constant.sval, 'sval') ?? '';
  if (isAst(constant.ival)) return String(constant.ival.ival ?? 0);
  if (isAst(constant.fval)) return text(constant.fval, 'fval') ?? '0';
  if (isAst(constant.boolval)) return String(constant.boolval.boolval === true);
  return undefined;
}
