import type { Protocol } from '@scrim/protocol-kit';
import { type Catalog as DatabaseCatalog, openCatalog } from './catalog/index.ts';
import type { CallerOptions } from './conversation-caller.ts';
import { lineageWith } from './lineage/index.ts';
import { createPostgresProtocol } from './protocol.ts';
import { analyse, loadParser, resolve, withPrepared } from './statement/index.ts';

export { capabilities } from './capabilities.ts';
export type { CallerOptions as PostgresOptions } from './conversation-caller.ts';
export { createPostgresProtocol, type PostgresParts } from './protocol.ts';
export { SQLSTATE } from './refuse.ts';

/** PostgreSQL with the real parser and catalog. Resolves once the parser is loaded, about 100 ms. */
export async function openPostgresProtocol(options: Partial<CallerOptions> = {}): Promise<Protocol> {
  await loadParser();
  return createPostgresProtocol<DatabaseCatalog>({
    analyse,
    withPrepared,
    resolve: (analysis, catalog) => resolve(analysis, (name) => catalog.functions(name)),
    widen: (facts, catalog) => catalog.widen(facts),
    lineage: (sql, { world }, over) => lineageWith(sql, world, over),
    openCatalog: (query) => openCatalog(query),
    options,
  });
}
