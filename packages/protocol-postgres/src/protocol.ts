import { type PostgresConnection, RefusalError, refuse, type SqlFacts } from '@scrim/model';
import type { Grant, GrantDetails, Protocol } from '@scrim/protocol-kit';
import { acceptCaller, type Door, sayNo } from './accept.ts';
import { CancelKeys } from './cancel.ts';
import { capabilities } from './capabilities.ts';
import { catalogQuery, dialCatalog } from './catalog-connection.ts';
import type { Catalog, StatementAnalysis } from './contracts.ts';
import type { CallerOptions } from './conversation-caller.ts';
import { type Dialled, dial, dialOnce, type Login, type TargetAddress } from './dial.ts';
import { Domain } from './domain.ts';
import { PostgresExchange } from './exchange.ts';
import type { Lineage } from './lineage/index.ts';
import type { Overlay } from './lineage/temporaries.ts';
import { cancelRequest } from './startup.ts';
import type { Understanding } from './statements.ts';

/** What the protocol is put together from. */
export interface PostgresParts<C extends Catalog = Catalog>
  extends Pick<Understanding, 'analyse' | 'withPrepared'> {
  /** Loads the catalog of the database that `query` asks. */
  openCatalog(query: (sql: string) => Promise<readonly (readonly (string | null)[])[]>): Promise<C>;
  /** Adds to an analysis what the functions it calls can cause, as this catalog knows them. */
  resolve?(analysis: StatementAnalysis, catalog: C): StatementAnalysis;
  /** Follows the values of each statement of a text, as this catalog knows its names. */
  lineage?(sql: string, catalog: C, over?: Overlay): readonly Lineage[];
  /** Adds to facts the tables behind views and inheritance, as this catalog knows them. */
  widen?(facts: SqlFacts, catalog: C): SqlFacts;
  readonly options?: Partial<CallerOptions>;
}

/** Catalogs kept open; the one unused longest goes first. */
const MAX_DOMAINS = 64;

/** The PostgreSQL protocol, versions 3.0 and 3.2, terminated on both sides. */
export function createPostgresProtocol<C extends Catalog>(parts: PostgresParts<C>): Protocol {
  const host = new Host(parts);
  return {
    name: 'postgres',
    capabilities,
    accept: (socket, context) =>
      acceptCaller(socket, context, host.keys, (door, grant) => host.admit(door, grant)),
  };
}

class Host<C extends Catalog> {
  readonly keys = new CancelKeys();
  readonly #parts: PostgresParts<C>;
  readonly #options: CallerOptions;
  readonly #domains = new Map<string, Promise<Domain>>();

  constructor(parts: PostgresParts<C>) {
    this.#parts = parts;
    this.#options = { functionCalls: 'refuse', ...parts.options };
  }

  async admit(door: Door, grant: Grant): Promise<PostgresExchange> {
    const { details } = grant;
    let dialled: Dialled | undefined;
    try {
      const { address, login } = targetOf(details, door.settings);
      dialled = await dial(address, login, details.limits.targetTimeout);
      const domain = await this.#domain(details, address, login);
      return this.#exchange(door, dialled, domain, address, details);
    } catch (error) {
      dialled?.socket.destroy();
      const known = error instanceof RefusalError ? error : refuse('SCRIM_INTERNAL', { cause: error });
      await sayNo(door.socket, known.refusal);
      throw known;
    }
  }

  #exchange(
    door: Door,
    dialled: Dialled,
    domain: Domain,
    address: TargetAddress,
    details: GrantDetails,
  ): PostgresExchange {
    const { targetTimeout } = details.limits;
    return new PostgresExchange({
      caller: door.socket,
      callerEarly: door.early,
      target: dialled.socket,
      greeting: dialled.greeting,
      targetEarly: dialled.early,
      minor: door.minor,
      limits: details.limits,
      domain,
      keys: this.keys,
      options: this.#options,
      cancelTarget: () => dialOnce(address, cancelRequest(dialled.pid, dialled.secret), targetTimeout),
    });
  }

  async #domain(details: GrantDetails, address: TargetAddress, login: Login): Promise<Domain> {
    const key = JSON.stringify([details.connection.name, address, login.username, login.database]);
    const known = this.#domains.get(key);
    this.#domains.delete(key);
    const domain = known ?? this.#openDomain(key, address, login, details.limits.targetTimeout);
    this.#domains.set(key, domain);
    for (const oldest of this.#domains.keys()) {
      if (this.#domains.size <= MAX_DOMAINS) break;
      this.#domains.delete(oldest);
    }
    return await domain;
  }

  async #openDomain(key: string, address: TargetAddress, login: Login, timeout: number): Promise<Domain> {
    try {
      const own: Login = { ...login, settings: CATALOG_SETTINGS };
      const parts = this.#parts;
      const catalog = await parts.openCatalog(catalogQuery(() => dialCatalog(address, own, timeout)));
      return new Domain(catalog, understandingOf(parts, catalog));
    } catch (error) {
      this.#domains.delete(key);
      throw error instanceof RefusalError
        ? error
        : refuse('SCRIM_TARGET_UNREACHABLE', {
            message: "the target's catalog cannot be read",
            cause: error,
          });
    }
  }
}

function understandingOf<C extends Catalog>(parts: PostgresParts<C>, catalog: C): Understanding {
  return {
    analyse: (sql) => parts.analyse(sql),
    resolve: (analysis) => parts.resolve?.(analysis, catalog) ?? analysis,
    widen: (facts) => parts.widen?.(facts, catalog) ?? facts,
    lineage: (sql, over) => parts.lineage?.(sql, catalog, over) ?? [],
    reach: (facts) => catalog.reach(facts),
    ...(parts.withPrepared ? { withPrepared: parts.withPrepared } : {}),
  };
}

const CATALOG_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['application_name', 'scrim catalog'],
  ['client_encoding', 'UTF8'],
]);

function targetOf(
  details: GrantDetails,
  settings: ReadonlyMap<string, string>,
): { address: TargetAddress; login: Login } {
  const { connection, part, secrets } = details;
  if (connection.protocol !== 'postgres') throw refuse('SCRIM_INTERNAL');
  const { target, credential }: PostgresConnection = connection;
  return {
    address: { host: target.host, port: target.port, tls: target.tls },
    login: {
      username: credential.username,
      password: secrets.password,
      database: part ?? target.database,
      settings,
    },
  };
}
