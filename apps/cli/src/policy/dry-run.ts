import type { Api } from '../api.ts';
import type { ReplayItem } from '../player.ts';
import type { Rulebook } from './rulebook.ts';

/** A recorded session as `/v1/sessions` lists it, as far as it is needed. */
interface RecordedSession {
  readonly id: string;
  readonly connection: string;
  readonly protocol: string;
  readonly callerGroups: readonly string[];
}

/** Operations that the draft would have treated otherwise. */
export interface VerdictChange {
  readonly connection: string;
  readonly statement: string;
  readonly groups: readonly string[];
  readonly was: string;
  readonly wouldBe: string;
  readonly rule: string | undefined;
  times: number;
}

/** Values that were masked by place and would not be. */
export interface Unmasked {
  readonly connection: string;
  readonly place: string;
  readonly rule: string;
  times: number;
}

/** What the draft would have changed. */
export interface DryRun {
  sessions: number;
  operations: number;
  /** Sessions of connections the draft does not have, or of protocols whose operations cannot be judged from a record. */
  skipped: number;
  /** Operations whose text the record does not hold whole. */
  unreadable: number;
  readonly verdicts: readonly VerdictChange[];
  readonly unmasked: readonly Unmasked[];
}

export interface DryRunOptions {
  readonly from?: string;
  readonly connection?: string;
  /** Sessions looked at, newest first. */
  readonly limit: number;
  readonly progress: (sessions: number) => void;
}

const SEPARATOR = '\u0000';

/** Judges recorded operations anew by a draft. Texts are read as recorded: masked, and not changed by that for guards. */
export class DryRunner {
  readonly #api: Api;
  readonly #draft: Rulebook;
  readonly #verdicts = new Map<string, VerdictChange>();
  readonly #unmasked = new Map<string, Unmasked>();
  readonly #counts = { sessions: 0, operations: 0, skipped: 0, unreadable: 0 };

  constructor(api: Api, draft: Rulebook) {
    this.#api = api;
    this.#draft = draft;
  }

  async run(options: DryRunOptions): Promise<DryRun> {
    for await (const session of this.#sessions(options)) {
      if (session.protocol !== 'postgres' || !this.#draft.has(session.connection)) {
        this.#counts.skipped++;
        continue;
      }
      this.#counts.sessions++;
      await this.#session(session);
      options.progress(this.#counts.sessions);
    }
    const most = (a: { times: number }, b: { times: number }): number => b.times - a.times;
    return {
      ...this.#counts,
      verdicts: [...this.#verdicts.values()].sort(most),
      unmasked: [...this.#unmasked.values()].sort(most),
    };
  }

  async *#sessions({ from, connection, limit }: DryRunOptions): AsyncGenerator<RecordedSession> {
    let cursor: string | undefined;
    let given = 0;
    do {
      const query = new URLSearchParams({ limit: '100' });
      if (from !== undefined) query.set('from', from);
      if (connection !== undefined) query.set('connection', connection);
      if (cursor !== undefined) query.set('cursor', cursor);
      const page = await this.#api.call<{ items: RecordedSession[]; next?: string }>(
        'GET',
        `/v1/sessions?${query}`,
      );
      for (const session of page.items) {
        if (given++ >= limit) return;
        yield session;
      }
      cursor = page.next;
    } while (cursor !== undefined);
  }

  async #session(session: RecordedSession): Promise<void> {
    const rules = this.#draft.for(session.connection, session.callerGroups);
    for await (const line of this.#api.lines(`/v1/sessions/${session.id}/replay`)) {
      const item = JSON.parse(line) as ReplayItem;
      if (item.kind === 'operation') this.#operation(session, item, rules);
      else if (item.kind === 'masked') this.#masked(session, item, rules);
    }
  }

  #operation(session: RecordedSession, item: ReplayItem, rules: ReturnType<Rulebook['for']>): void {
    const { text, textBytes, verdict: was } = item as { text?: string; textBytes?: number; verdict?: string };
    this.#counts.operations++;
    if (typeof text !== 'string' || textBytes !== undefined || was === undefined) {
      this.#counts.unreadable++;
      return;
    }
    const { verdict } = rules.sql(text);
    if (verdict.action === was) return;
    const { connection, callerGroups: groups } = session;
    const key = [connection, groups.join(','), text, was, verdict.action].join(SEPARATOR);
    const known = this.#verdicts.get(key);
    if (known) known.times++;
    else {
      const change = { connection, statement: text, groups, was, wouldBe: verdict.action };
      this.#verdicts.set(key, { ...change, rule: verdict.rule, times: 1 });
    }
  }

  #masked(session: RecordedSession, item: ReplayItem, rules: ReturnType<Rulebook['for']>): void {
    const { rule = '', place = '', count = 0 } = item as { rule?: string; place?: string; count?: number };
    const [schema, table, column, ...more] = place.split('.');
    // Only places of columns can be judged without the values.
    if (schema === undefined || table === undefined || column === undefined || more.length > 0) return;
    if (rules.column(schema, table, column) !== undefined) return;
    const key = [session.connection, place, rule].join(SEPARATOR);
    const known = this.#unmasked.get(key);
    if (known) known.times += count;
    else this.#unmasked.set(key, { connection: session.connection, place, rule, times: count });
  }
}
