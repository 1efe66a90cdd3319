import { type Ast, tagged } from '../statement/ast.ts';
import { type Carry, type Field, NOTHING } from './carry.ts';
import type { At } from './look.ts';
import { select } from './query.ts';
import { deletion, insertion, merging, updating } from './write.ts';

/** What a query gives. */
export interface Rows {
  /** Undefined = their number is not known. */
  readonly columns: readonly Field[] | undefined;
  /** What decides how many rows there are, beside conditions. */
  readonly rows: Carry;
}

export const NO_ROWS: Rows = { columns: [], rows: NOTHING };

/** The rows of a query, or those a write returns; other statements give none. */
export function statementRows(node: Ast, at: At): Rows {
  const [tag, body] = tagged(node);
  switch (tag) {
    case 'SelectStmt':
      return select(body, at);
    case 'InsertStmt':
      return insertion(body, at);
    case 'UpdateStmt':
      return updating(body, at);
    case 'DeleteStmt':
      return deletion(body, at);
    case 'MergeStmt':
      return merging(body, at);
    default:
      return NO_ROWS;
  }
}
