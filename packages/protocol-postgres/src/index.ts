export { capabilities } from './capabilities.ts';
export type {
  Analyse,
  Catalog,
  CatalogConnection,
  CopyAnalysis,
  OpenCatalog,
  PartAnalysis,
  StatementAnalysis,
  TypeInfo,
} from './contracts.ts';
export { createPostgres } from './create.ts';
export { createPostgresProtocol, type PostgresParts } from './protocol.ts';
export { SQLSTATE } from './refuse.ts';
