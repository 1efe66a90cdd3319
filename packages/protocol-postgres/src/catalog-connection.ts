import type { Duplex } from 'node:stream';
import { refuse } from '@scrim/model';
import { ByteReader } from './byte-reader.ts';
import type { CatalogConnection } from './contracts.ts';
import { dial, type Login, sqlState, type TargetAddress } from './dial.ts';
import { cstring, message, TERMINATE, TYPE, WireFault } from './wire.ts';

/** A row of a catalog is small; a view's definition is the largest thing asked for. */
const MAX_CATALOG_MESSAGE = 64 << 20;

/** Longest one catalog query may take, in milliseconds; behind it the connection is given up. */
const QUERY_TIMEOUT = 10_000;

/** Milliseconds without a query after which the side connection is given back to the target. */
const IDLE = 60_000;

/**
 * Runs catalog queries one after the other on one side connection, opened at the first and again after it broke
 * or was closed for being idle.
 * Every failure is thrown to who asked.
 */
export function catalogQuery(
  dialSide: () => Promise<CatalogConnection>,
): (sql: string) => Promise<readonly (readonly (string | null)[])[]> {
  let open: Promise<CatalogConnection> | null = null;
  let idle: NodeJS.Timeout | undefined;
  const drop = (used: Promise<CatalogConnection>): void => {
    if (open === used) open = null;
    used.then((connection) => connection.close()).catch(() => undefined);
  };
  return async (sql) => {
    clearTimeout(idle);
    open ??= dialSide();
    const used = open;
    try {
      return await (await used).query(sql);
    } catch (error) {
      drop(used);
      throw error;
    } finally {
      clearTimeout(idle);
      idle = setTimeout(() => drop(used), IDLE).unref();
    }
  };
}

/** Opens a side connection for the catalog's own queries, with the connection's credential. */
export async function dialCatalog(
  address: TargetAddress,
  login: Login,
  timeout: number,
): Promise<CatalogConnection> {
  const { socket } = await dial(address, login, timeout);
  return new SideConnection(socket);
}

class SideConnection implements CatalogConnection {
  readonly #socket: Duplex;
  readonly #reader: ByteReader;
  #last: Promise<unknown> = Promise.resolve();

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#reader = new ByteReader(socket, 1 << 20);
    // An idle side connection keeps no process alive.
    (socket as Duplex & { unref?: () => void }).unref?.();
  }

  query(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    const answer = this.#last.then(() => this.#bounded(sql));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #bounded(sql: string): Promise<(string | null)[][]> {
    const timer = setTimeout(() => this.#socket.destroy(), QUERY_TIMEOUT);
    try {
      return await this.#run(sql);
    } finally {
      clearTimeout(timer);
    }
  }

  async #run(sql: string): Promise<(string | null)[][]> {
    this.#socket.write(message(TYPE.query, cstring(sql)));
    const rows: (string | null)[][] = [];
    let failed: string | null = null;
    for (;;) {
      const { type, body } = await this.#reader.message(MAX_CATALOG_MESSAGE);
      if (type === TYPE.dataRow) rows.push(cells(body));
      else if (type === TYPE.error) failed = sqlState(body);
      else if (type === TYPE.ready) break;
    }
    if (failed !== null)
      throw refuse('SCRIM_TARGET_BROKEN', { message: `a catalog query failed (SQLSTATE ${failed})` });
    return rows;
  }

  async close(): Promise<void> {
    this.#socket.end(TERMINATE);
    this.#socket.destroy();
  }
}

function cells(body: Buffer): (string | null)[] {
  const count = body.readUInt16BE(0);
  const values: (string | null)[] = [];
  let at = 2;
  for (let i = 0; i < count; i++) {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) {
      values.push(null);
      continue;
    }
    if (at + length > body.length) throw new WireFault('a row is too short');
    values.push(body.toString('utf8', at, at + length));
    at += length;
  }
  return values;
}
