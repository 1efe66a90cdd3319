import type { Protocol } from '@scrim/protocol-kit';
import { type Catalog, openCatalog } from './catalog/index.ts';
import type { CatalogConnection } from './contracts.ts';
import { createPostgresProtocol } from './protocol.ts';
import { analyse, loadParser, resolve, withPrepared } from './statement/index.ts';

/** A side connection that is dialled again after it broke. */
class Redialling {
  readonly #dial: () => Promise<CatalogConnection>;
  #open: Promise<CatalogConnection> | undefined;

  constructor(dial: () => Promise<CatalogConnection>) {
    this.#dial = dial;
  }

  async query(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    this.#open ??= this.#dial();
    const open = this.#open;
    try {
      return await (await open).query(sql);
    } catch (error) {
      if (this.#open === open) this.#open = undefined;
      open.then(
        (connection) => connection.close(),
        () => undefined,
      );
      throw error;
    }
  }
}

/** The PostgreSQL protocol with PostgreSQL's own parser and the targets' own catalogs. */
export async function createPostgres(): Promise<Protocol> {
  await loadParser();
  return createPostgresProtocol({
    analyse,
    withPrepared: withPrepared as never,
    resolve: (analysis, catalog) => {
      const known = catalog as unknown as Catalog;
      const resolved = resolve(analysis as never, (name) => known.functions(name));
      return { ...resolved, facts: known.widen(resolved.facts) };
    },
    openCatalog: (dial) => {
      const connection = new Redialling(dial);
      return openCatalog((sql) => connection.query(sql));
    },
  });
}
