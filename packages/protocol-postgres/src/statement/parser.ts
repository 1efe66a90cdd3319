import { type Ast, isAst } from './ast.ts';

interface Parser {
  parseSync(text: string): unknown;
  parsePlPgSQLSync(text: string): unknown;
}

let parser: Parser | undefined;
let loading: Promise<void> | undefined;

/** Loads the PostgreSQL 18 parser (wasm, about 100 ms once). Await it before the first `analyse`. */
export function loadParser(): Promise<void> {
  loading ??= (async () => {
    // Loaded on demand: importing the package starts its wasm, which a reader of names and tables must not pay for.
    const module = await import('libpg-query');
    await module.loadModule();
    module.parseSync('SELECT 1');
    parser = module as Parser;
  })();
  return loading;
}

function loaded(): Parser {
  if (!parser) throw new Error('the SQL parser is not loaded; await loadParser() first');
  return parser;
}

/** One raw statement with its place in the text, in bytes of UTF-8 as PostgreSQL counts. */
export interface RawStatement {
  readonly node: Ast;
  readonly offset: number;
  readonly length: number | undefined;
}

/** A text is analysed and its values are followed right after: it is parsed once for both. */
const KEPT = 4;
/** Characters of a text whose tree is kept that long. */
const KEPT_TEXT = 64 * 1024;
const kept = new Map<string, readonly RawStatement[]>();

/** Statements of a text. Throws when PostgreSQL's grammar does not accept it. */
export function parseSql(sql: string): readonly RawStatement[] {
  if (sql.trim() === '') return [];
  const known = kept.get(sql);
  if (known) return known;
  const raws = parsed(sql);
  if (sql.length > KEPT_TEXT) return raws;
  kept.set(sql, raws);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
  return raws;
}

function parsed(sql: string): readonly RawStatement[] {
  const tree = loaded().parseSync(sql);
  if (!isAst(tree) || !Array.isArray(tree.stmts)) throw new Error('the parser returned no statements');
  return tree.stmts.map((raw: unknown) => {
    if (!isAst(raw) || !isAst(raw.stmt)) throw new Error('the parser returned a statement without a body');
    return {
      node: raw.stmt,
      offset: typeof raw.stmt_location === 'number' ? raw.stmt_location : 0,
      length: typeof raw.stmt_len === 'number' && raw.stmt_len > 0 ? raw.stmt_len : undefined,
    };
  });
}

/** The PL/pgSQL functions of a CREATE FUNCTION or DO text. Throws when PL/pgSQL does not accept a body. */
export function parsePlpgsql(sql: string): readonly Ast[] {
  const tree = loaded().parsePlPgSQLSync(sql);
  const functions = isAst(tree) ? tree.plpgsql_funcs : undefined;
  if (!Array.isArray(functions) || functions.length === 0) throw new Error('no PL/pgSQL body');
  return functions.filter(isAst);
}
