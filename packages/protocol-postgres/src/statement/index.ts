export { columnsOnPaper, factsOnPaper, type PaperColumn } from '../lineage/paper.ts';
export { analyse, MAX_TEXT } from './analyse.ts';
export type {
  CopyAnalysis,
  FunctionInfo,
  FunctionLookup,
  PartAnalysis,
  QualifiedName,
  StatementAnalysis,
} from './contract.ts';
export { mergeFacts } from './facts.ts';
export { loadParser } from './parser.ts';
export { resolve, withPrepared } from './resolve.ts';
export { STATEMENT_NAMES } from './statement-names.ts';
