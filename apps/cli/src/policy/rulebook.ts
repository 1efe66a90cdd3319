import type { Caller, ScrimDocument, Snapshot, Statement } from '@scrim/model';
import { type Authorisation, Enforcements, Masker, type Vault } from '@scrim/pipeline';
import { compilePolicies, type Verdict } from '@scrim/policy';
import { analyse, columnsOnPaper, factsOnPaper, loadParser } from '@scrim/protocol-postgres/statement';
import { shellStatement } from '@scrim/protocol-ssh/command';
import { Failure } from '../failure.ts';

type Enforcement = ReturnType<Enforcements['of']>;

/** Reversible tokens of a test stand for nothing anybody has to find again. */
const FORGETFUL: Vault = { of: () => ({ put: () => undefined }) };

/** The statement as the PostgreSQL protocol would hand it to the guards, as far as that needs no database. */
function sqlStatement(sql: string): Statement {
  return { verb: analyse(sql).verb, text: sql, facts: factsOnPaper(sql) };
}

/**
 * A document's policies, enforced by the pipeline's own steps without an edge or a target. What only a target's catalog
 * can tell (what a user's function does, which table a view shows) is unknown here, and judged as the worst.
 */
export class Rulebook {
  readonly #document: ScrimDocument;
  readonly #enforcements = new Enforcements(FORGETFUL);
  readonly #known = new Map<string, Enforcement>();

  private constructor(document: ScrimDocument) {
    this.#document = document;
  }

  static async of(document: ScrimDocument): Promise<Rulebook> {
    await loadParser();
    return new Rulebook(document);
  }

  /** Throws a Failure when the document has no such connection. */
  for(connection: string, groups: readonly string[]): Rules {
    const key = JSON.stringify([connection, groups]);
    let enforcement = this.#known.get(key);
    if (!enforcement) {
      enforcement = this.#enforcements.of(this.#authorisation(connection, groups));
      this.#known.set(key, enforcement);
    }
    return new Rules(enforcement);
  }

  has(connection: string): boolean {
    return this.#document.connections.some((it) => it.name === connection);
  }

  #authorisation(name: string, groups: readonly string[]): Authorisation {
    const connection = this.#document.connections.find((it) => it.name === name);
    if (!connection) {
      const names = this.#document.connections.map((it) => it.name).join(', ');
      throw new Failure(
        `the document has no connection "${name}"`,
        `it has ${names === '' ? 'none' : names}`,
        2,
      );
    }
    const policies = this.#document.policies.map((it) => ({ ...it, version: 1 }));
    const caller: Caller = {
      subject: 'nobody',
      groups,
      kind: 'person',
      issuer: 'scrim',
      tokenId: '',
      expiresAt: Number.MAX_SAFE_INTEGER,
      attributes: {},
    };
    const compiled = compilePolicies(policies, { labels: connection.labels, groups });
    return { caller, connection, compiled, snapshot: snapshotOf(this.#document, policies) };
  }
}

function snapshotOf(document: ScrimDocument, policies: Snapshot['policies']): Snapshot {
  return {
    version: '1',
    edgeId: 'none',
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    connections: document.connections,
    policies,
    tokens: { scrim: [], issuers: [], revoked: [] },
    // Hashes and tokens of a test must not be those of an installation.
    maskingKey: Buffer.alloc(32).toString('base64'),
    queue: { url: '', prefix: '' },
  };
}

/** The rules of one caller on one connection. */
export class Rules {
  readonly #enforcement: Enforcement;

  constructor(enforcement: Enforcement) {
    this.#enforcement = enforcement;
  }

  sql(sql: string): { readonly verdict: Verdict; readonly statement: Statement } {
    const statement = sqlStatement(sql);
    return { verdict: this.#enforcement.judge(statement), statement };
  }

  /**
   * Whether each column of a statement's result is masked by its place, by label; undefined where only a database can
   * tell the columns. What cannot be followed counts as masked when any column rule applies.
   */
  columns(sql: string): Readonly<Record<string, boolean>> | undefined {
    const anyRule = this.#enforcement.mask.columns.length > 0;
    const columns = columnsOnPaper(sql);
    return (
      columns &&
      Object.fromEntries(
        columns.map(({ name, places, open }, index) => [
          name ?? String(index + 1),
          (open && anyRule) ||
            places.some(({ schema, table, column }) => this.column(schema, table, column) !== undefined),
        ]),
      )
    );
  }

  shell(line: string): { readonly verdict: Verdict; readonly statement: Statement } {
    const statement = shellStatement('exec', Buffer.from(line), { terminal: false, interactive: false });
    return { verdict: this.#enforcement.judge(statement), statement };
  }

  http(request: Readonly<Record<string, unknown>>): Verdict {
    const facts = { kind: 'http', ...request } as Statement['facts'];
    return this.#enforcement.judge({ verb: String(request.method), text: String(request.path), facts });
  }

  requestBytes(bytes: number): Verdict {
    return this.#enforcement.judgeSize(bytes) ?? { action: 'allow' };
  }

  masked(text: string, form: 'text' | 'json'): string {
    return new Masker(this.#enforcement.mask, () => {}).whole(text, 'case', form);
  }

  /** The rule that masks a column by its place, if one does. */
  column(schema: string, table: string, column: string): string | undefined {
    return this.#enforcement.mask.columns.find(({ matcher }) => matcher.matches(schema, table, column))?.id;
  }
}
