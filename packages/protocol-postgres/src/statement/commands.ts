import { type Ast, as, child, isAst, list, literal, options, strings, text } from './ast.ts';
import { copyAnalysis } from './copy.ts';
import type { PartHandler } from './definitions.ts';
import { analyseNode } from './node.ts';
import type { Part } from './part.ts';
import { analyseBlock } from './plpgsql.ts';
import { judgeSetting } from './settings.ts';
import { afterWord } from './source-text.ts';
import { isTemporary, NO_CTES, relationName } from './walk.ts';

const TRANSACTIONS: { readonly [kind: string]: string } = {
  TRANS_STMT_BEGIN: 'BEGIN',
  TRANS_STMT_START: 'START TRANSACTION',
  TRANS_STMT_COMMIT: 'COMMIT',
  TRANS_STMT_ROLLBACK: 'ROLLBACK',
  TRANS_STMT_SAVEPOINT: 'SAVEPOINT',
  TRANS_STMT_RELEASE: 'RELEASE',
  TRANS_STMT_ROLLBACK_TO: 'ROLLBACK',
  TRANS_STMT_PREPARE: 'PREPARE TRANSACTION',
  TRANS_STMT_COMMIT_PREPARED: 'COMMIT PREPARED',
  TRANS_STMT_ROLLBACK_PREPARED: 'ROLLBACK PREPARED',
};

const DISCARDS: { readonly [target: string]: string } = {
  DISCARD_ALL: 'DISCARD ALL',
  DISCARD_PLANS: 'DISCARD PLANS',
  DISCARD_SEQUENCES: 'DISCARD SEQUENCES',
  DISCARD_TEMP: 'DISCARD TEMP',
};

/** A query or row write: named, then walked. */
function query(tag: string): PartHandler {
  return (part, body) => {
    part.tag(tag);
    part.walk.visit({ [NODES[tag] ?? '']: body }, NO_CTES);
  };
}

const NODES: { readonly [tag: string]: string } = {
  INSERT: 'InsertStmt',
  UPDATE: 'UpdateStmt',
  DELETE: 'DeleteStmt',
  MERGE: 'MergeStmt',
};

/** A statement of the session: nothing of the database changes. */
function session(tag: string): PartHandler {
  return (part) => part.tag(tag, 'session');
}

/** Statements that run: queries, writes, COPY, session and server commands. */
export const COMMANDS: { readonly [node: string]: PartHandler } = {
  SelectStmt(part, body) {
    const into = intoClause(body);
    part.tag(into ? 'SELECT INTO' : 'SELECT', 'read');
    if (into) part.name('SELECT');
    part.walk.visit({ SelectStmt: body }, NO_CTES);
  },
  InsertStmt: query('INSERT'),
  UpdateStmt: query('UPDATE'),
  DeleteStmt: query('DELETE'),
  MergeStmt: query('MERGE'),
  CreateTableAsStmt(part, body) {
    const matview = body.objtype === 'OBJECT_MATVIEW';
    part.tag(matview ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS', 'ddl', 'write');
    const into = child(body, 'into') ?? {};
    part.target(into, 'rel');
    const inner = nested(part, body.query);
    if (inner) part.include(inner);
    part.walk.into.passOn();
    if (!matview && !isTemporary(child(into, 'rel'))) part.walk.into.keep('rows');
    part.walk.into.statements.delete('select');
  },
  RefreshMatViewStmt(part, body) {
    part.tag('REFRESH MATERIALIZED VIEW', 'write');
    part.target(body, 'relation');
  },
  TruncateStmt(part, body) {
    part.tag('TRUNCATE TABLE', 'write', 'ddl');
    part.name('TRUNCATE');
    for (const item of list(body, 'relations')) part.walk.write(as(item, 'RangeVar'));
  },
  CopyStmt: copy,
  LockStmt(part, body) {
    // ACCESS SHARE and ROW SHARE (1, 2) stop nobody's reads or writes; every other mode does.
    const weak = typeof body.mode === 'number' && body.mode <= 2;
    part.tag('LOCK TABLE', 'session');
    part.name('LOCK');
    for (const item of list(body, 'relations')) {
      const name = relationName(as(item, 'RangeVar') ?? {});
      if (name) part.walk.into.touch(name, weak ? 'read' : 'write');
    }
    if (!weak) part.walk.into.effects.add('write');
  },
  VacuumStmt(part, body) {
    part.tag(body.is_vacuumcmd === true ? 'VACUUM' : 'ANALYZE', 'admin');
    for (const item of list(body, 'rels')) maintained(part, as(item, 'VacuumRelation') ?? {});
  },
  ClusterStmt(part, body) {
    part.tag('CLUSTER', 'admin');
    maintained(part, body);
  },
  ReindexStmt(part, body) {
    part.tag('REINDEX', 'admin');
    maintained(part, body);
  },
  CheckPointStmt: (part) => part.tag('CHECKPOINT', 'admin'),
  LoadStmt: (part) => part.tag('LOAD', 'admin'),
  ExplainStmt: explain,
  PrepareStmt(part, body) {
    part.tag('PREPARE', 'session');
    const inner = nested(part, body.query, afterWord(part.source, 'as'));
    if (!inner) return;
    part.include(inner);
    part.prepares = { name: text(body, 'name') ?? '', text: inner.source };
  },
  ExecuteStmt(part, body) {
    part.tag('EXECUTE', 'session');
    part.executes = text(body, 'name') ?? '';
    part.walk.visit(body.params, NO_CTES);
  },
  DeallocateStmt(part, body) {
    part.tag(body.name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE', 'session');
    part.name('DEALLOCATE');
    part.deallocates = text(body, 'name') ?? null;
  },
  DeclareCursorStmt(part, body) {
    part.tag('DECLARE CURSOR', 'session');
    const inner = nested(part, body.query);
    if (inner) part.include(inner);
    part.cursor = { declares: text(body, 'portalname') ?? '' };
  },
  FetchStmt(part, body) {
    part.tag(body.ismove === true ? 'MOVE' : 'FETCH', 'session', 'read');
    if (body.ismove !== true) part.cursor = { fetches: text(body, 'portalname') ?? '' };
  },
  ClosePortalStmt(part, body) {
    const name = text(body, 'portalname');
    part.tag(name === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR', 'session');
    part.name('CLOSE');
    part.cursor = name === undefined ? {} : { closes: name };
  },
  CallStmt(part, body) {
    part.tag('CALL');
    part.walk.visit({ FuncCall: body.funccall }, NO_CTES);
  },
  DoStmt(part, body) {
    part.tag('DO');
    const given = new Map(options(body, 'args').map((option) => [option.name, literal(option.arg)]));
    const language = given.get('language')?.toLowerCase() ?? 'plpgsql';
    if (language === 'plpgsql') analyseBlock(part.walk.into, given.get('as') ?? '', part.depth + 1);
    else part.walk.into.blind(`a DO block in ${language}`);
    // What it reads into variables may be written by any later statement of the block.
    part.walk.into.passOn();
  },
  TransactionStmt: (part, body) => part.tag(TRANSACTIONS[String(body.kind)] ?? 'BEGIN', 'session'),
  VariableSetStmt: setting,
  VariableShowStmt: session('SHOW'),
  DiscardStmt(part, body) {
    part.tag(DISCARDS[String(body.target)] ?? 'DISCARD ALL', 'session');
    part.name('DISCARD');
    if (body.target === 'DISCARD_ALL') part.deallocates = null;
  },
  ConstraintsSetStmt: session('SET CONSTRAINTS'),
  NotifyStmt: session('NOTIFY'),
  ListenStmt: session('LISTEN'),
  UnlistenStmt: session('UNLISTEN'),
};

/** INTO stands in the leftmost SELECT of a set operation. */
function intoClause(select: Ast): Ast | undefined {
  const left = select.larg;
  return child(select, 'intoClause') ?? (isAst(left) ? intoClause(left) : undefined);
}

function nested(part: Part, node: unknown, source = ''): Part | undefined {
  if (isAst(node)) return analyseNode(node, source, part.depth + 1);
  part.walk.into.blind('a statement without its inner query');
  return undefined;
}

function maintained(part: Part, body: Ast): void {
  const name = relationName(child(body, 'relation') ?? {});
  if (name) part.walk.into.touch(name, 'write');
}

function copy(part: Part, body: Ast): void {
  const analysis = copyAnalysis(body, part.source);
  part.copy = analysis;
  part.tag('COPY');
  part.name(analysis.direction === 'in' ? 'COPY FROM' : 'COPY TO');
  if (analysis.through === 'program') part.name('COPY PROGRAM');
  if (analysis.through === 'file') part.name('COPY FILE');
  if (analysis.through !== 'client') part.walk.into.effects.add('admin');
  if (analysis.direction === 'in') part.walk.write(child(body, 'relation'));
  else {
    part.walk.into.effects.add('read');
    if (isAst(body.query)) part.walk.nameWrite(body.query);
    part.walk.visit([body.relation, body.query], NO_CTES);
    if (analysis.through !== 'client') {
      part.walk.into.keep('rows');
      if (body.relation !== undefined && analysis.columns === undefined) part.walk.use('*');
      for (const name of analysis.columns ?? []) part.walk.use(name);
      part.walk.into.passOn();
    }
  }
  part.walk.visit(body.whereClause, NO_CTES);
}

function explain(part: Part, body: Ast): void {
  part.tag('EXPLAIN', 'read');
  const analyze = options(body, 'options').filter((option) => option.name === 'analyze');
  const off = (arg: Ast | undefined) => /^(?:false|off|0|no)$/i.test(literal(arg) ?? 'true');
  const runs = analyze.length > 0 && !analyze.every((option) => off(option.arg));
  if (runs) part.name('EXPLAIN ANALYZE');
  const inner = nested(part, body.query);
  if (inner) part.include(inner, !runs);
}

function setting(part: Part, body: Ast): void {
  const kind = String(body.kind);
  part.tag(kind.startsWith('VAR_RESET') ? 'RESET' : 'SET', 'session');
  const name = text(body, 'name');
  if (kind === 'VAR_RESET_ALL' || name === undefined) return;
  // SET TRANSACTION and SET SESSION CHARACTERISTICS carry their modes as options, not as a value.
  if (kind === 'VAR_SET_MULTI') return;
  const values = list(body, 'args').map((arg) => literal(arg) ?? strings([arg])[0] ?? '');
  if (kind === 'VAR_SET_VALUE') judgeSetting(part.walk.into, name, values.join(', '));
  else resetSetting(part, name);
}

/** RESET and SET … TO DEFAULT bring back what the session started with: no text is read differently after it. */
function resetSetting(part: Part, name: string): void {
  part.walk.into.sets.set(name.toLowerCase(), null);
  if (name !== 'role' && name !== 'session_authorization') return;
  part.name(name === 'role' ? 'SET ROLE' : 'SET SESSION AUTHORIZATION');
  part.walk.into.effects.add('admin');
}
