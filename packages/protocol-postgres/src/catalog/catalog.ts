import type { World } from '../lineage/world.ts';
import type { Catalog, CatalogOptions, CatalogQuery } from './contract.ts';
import { readCatalog, readStamp } from './rows.ts';
import { Snapshot } from './snapshot.ts';

/** Default bound of one refresh, in milliseconds. */
const TIMEOUT = 5_000;

/**
 * Loads the catalog of the database `query` is connected to.
 * @throws Error when the database does not answer within the bound.
 */
export async function openCatalog(query: CatalogQuery, options: CatalogOptions = {}): Promise<Catalog> {
  const catalog = new LiveCatalog(query, options.timeoutMs ?? TIMEOUT);
  await catalog.refresh();
  return catalog;
}

class LiveCatalog implements Catalog {
  readonly #query: CatalogQuery;
  readonly #timeout: number;
  #snapshot: Snapshot | undefined;
  #stamp = '';
  #generation = 0;
  /** Counts calls of stale(): a look that began at an older count does not clear it. */
  #dirt = 1;
  #clean = 0;
  #looking: { readonly dirt: number; readonly done: Promise<void> } | undefined;
  /** Ends when no query of ours is under way: on one connection a look must not begin inside another. */
  #idle: Promise<unknown> = Promise.resolve();

  constructor(query: CatalogQuery, timeout: number) {
    this.#query = query;
    this.#timeout = timeout;
  }

  get version(): string {
    return String(this.#generation);
  }

  get isStale(): boolean {
    return this.#clean < this.#dirt;
  }

  stale(): void {
    this.#dirt++;
  }

  async refresh(): Promise<void> {
    const running = this.#looking;
    if (running && running.dirt === this.#dirt) return running.done;
    const dirt = this.#dirt;
    const work = this.#idle.then(() => this.#look(dirt));
    this.#idle = work.catch(() => undefined);
    const done = bounded(work, this.#timeout);
    const looking = { dirt, done };
    this.#looking = looking;
    try {
      await done;
    } catch (error) {
      this.#dirt++;
      throw error;
    } finally {
      if (this.#looking === looking) this.#looking = undefined;
    }
  }

  async #look(dirt: number): Promise<void> {
    const stamp = await readStamp(this.#query);
    if (!this.#snapshot || stamp !== this.#stamp || this.#clean < dirt) {
      const read = await readCatalog(this.#query);
      this.#snapshot = new Snapshot(read.rows, this.#snapshot);
      this.#stamp = read.stamp;
      this.#generation++;
    }
    this.#clean = Math.max(this.#clean, dirt);
  }

  #loaded(): Snapshot {
    if (!this.#snapshot) throw new Error('the catalog is not loaded');
    return this.#snapshot;
  }

  get world(): World {
    return this.#loaded().world;
  }

  column: Catalog['column'] = (oid, attnum) => this.#loaded().column(oid, attnum);
  type: Catalog['type'] = (oid) => this.#loaded().type(oid);
  relations: Catalog['relations'] = (name) => this.#loaded().relations(name);
  reach: Catalog['reach'] = (facts, sessionMade) => this.#loaded().reach(facts, sessionMade);
  widen: Catalog['widen'] = (facts) => this.#loaded().widen(facts);
  functions: Catalog['functions'] = (name) => this.#loaded().functions(name);
}

function bounded(work: Promise<void>, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the catalog did not answer within ${timeout} ms; check the target's load and locks`));
    }, timeout);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
