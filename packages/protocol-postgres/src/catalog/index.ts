export { openCatalog } from './catalog.ts';
export type {
  Catalog,
  CatalogOptions,
  CatalogQuery,
  CatalogRelation,
  ColumnOrigin,
  RelationKind,
  TypeInfo,
} from './contract.ts';
