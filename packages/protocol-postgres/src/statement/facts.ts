import type { Effect, SqlFacts, SqlKeeps, TouchedTable } from '@scrim/model';
import type { PartAnalysis, QualifiedName } from './contract.ts';

type Unbounded = 'update' | 'delete';

/** Gathers what a statement can cause while its tree is walked. */
export class FactsCollector {
  readonly statements = new Set<string>();
  readonly effects = new Set<Effect>();
  readonly unbounded = new Set<Unbounded>();
  readonly opaque = new Set<string>();
  readonly calls = new Map<string, QualifiedName>();
  readonly builtins = new Set<string>();
  readonly attributes = new Set<string>();
  readonly sets = new Map<string, string | null>();
  readonly defines = new Map<string, QualifiedName>();
  /** Column names by how they are used; see {@link SqlKeeps}. `carried` = inside WITH, stored when a write reads it. */
  readonly values = new Set<string>();
  readonly tests = new Set<string>();
  readonly shown = new Set<string>();
  readonly carried = new Set<string>();
  /** A write reads rows of a WITH clause. */
  fed = false;
  /** Names and aliases of row sources: one that stands alone is a whole row. */
  readonly rows = new Set<string>();
  readonly targets = new Map<string, TouchedTable>();
  by: SqlKeeps['by'] = false;
  readonly #tables = new Map<string, TouchedTable>();

  /** The values of the statement end in rows of a relation, or (`calls`) wherever a function puts its arguments. */
  keep(by: 'rows' | 'calls'): void {
    if (this.by !== 'calls') this.by = by;
  }

  /** What the statement shows goes on to whoever runs it (a function's caller, a variable, a new table). */
  passOn(): void {
    for (const name of [...this.shown, ...this.carried]) this.values.add(name);
  }

  touch(table: QualifiedName, access: 'read' | 'write'): void {
    this.#tables.set(`${access} ${key(table)}`, { schema: table.schema, name: table.name, access });
  }

  define(relation: QualifiedName): void {
    this.defines.set(key(relation), relation);
  }

  call(target: QualifiedName): void {
    this.calls.set(key(target), target);
  }

  /** Something that cannot be understood: from here on the statement is judged as the worst. */
  blind(why: string): void {
    this.opaque.add(why);
    this.effects.add('unknown');
  }

  get tables(): readonly TouchedTable[] {
    return [...this.#tables.values()];
  }

  /** Takes over what another walk found. `planned` = it is looked at but not run: its relations are read at most. */
  absorb(other: FactsCollector, planned = false): void {
    for (const table of other.tables) this.touch(table, planned ? 'read' : table.access);
    for (const call of other.calls.values()) this.call(call);
    for (const name of other.builtins) this.builtins.add(name);
    for (const name of other.attributes) this.attributes.add(name);
    for (const why of other.opaque) this.blind(why);
    for (const name of other.values) this.values.add(name);
    for (const name of other.tests) this.tests.add(name);
    for (const name of other.shown) this.shown.add(name);
    for (const name of other.carried) this.carried.add(name);
    for (const name of other.rows) this.rows.add(name);
    if (other.fed) this.fed = true;
    if (planned) return;
    for (const [name, target] of other.targets) this.targets.set(name, target);
    if (other.by) this.keep(other.by);
    for (const name of other.statements) this.statements.add(name);
    for (const effect of other.effects) this.effects.add(effect);
    for (const kind of other.unbounded) this.unbounded.add(kind);
    for (const [name, value] of other.sets) this.sets.set(name, value);
    for (const relation of other.defines.values()) this.define(relation);
  }

  facts(): SqlFacts {
    return {
      kind: 'sql',
      statements: [...this.statements],
      effects: [...this.effects],
      unbounded: [...this.unbounded],
      tables: this.tables,
      complete: this.opaque.size === 0,
      opaque: [...this.opaque],
      ...(this.values.size + this.tests.size + this.shown.size + this.carried.size > 0 || this.by
        ? { keeps: this.#keeps() }
        : {}),
    };
  }

  #keeps(): SqlKeeps {
    const named = (names: ReadonlySet<string>): string[] => {
      const whole = [...names].some((name) => this.rows.has(name));
      return whole ? ['*', ...names] : [...names];
    };
    return {
      values: named(this.fed ? new Set([...this.values, ...this.carried]) : this.values),
      tests: named(new Set([...this.tests, ...this.shown, ...this.carried])),
      by: this.by,
      targets: [...this.targets.values()],
    };
  }
}

function key(name: QualifiedName): string {
  return name.schema === null ? name.name : `${name.schema}.${name.name}`;
}

/** The name as it is written in messages. */
export function spelled(name: QualifiedName): string {
  return key(name);
}

/** The union of several facts: incomplete when any is. */
export function mergeFacts(all: readonly SqlFacts[]): SqlFacts {
  const only = all[0];
  if (only && all.length === 1) return only;
  const tables = new Map<string, TouchedTable>();
  for (const facts of all)
    for (const table of facts.tables) tables.set(`${table.access} ${key(table)}`, table);
  return {
    kind: 'sql',
    statements: [...new Set(all.flatMap((facts) => facts.statements))],
    effects: [...new Set(all.flatMap((facts) => facts.effects))],
    unbounded: [...new Set(all.flatMap((facts) => facts.unbounded))],
    tables: [...tables.values()],
    complete: all.every((facts) => facts.complete),
    opaque: [...new Set(all.flatMap((facts) => facts.opaque))],
    ...mergeKeeps(all.flatMap(({ keeps }) => (keeps ? [keeps] : []))),
  };
}

function mergeKeeps(all: readonly SqlKeeps[]): { keeps?: SqlKeeps } {
  if (all.length === 0) return {};
  return {
    keeps: {
      values: [...new Set(all.flatMap(({ values }) => values))],
      tests: [...new Set(all.flatMap(({ tests }) => tests))],
      by: all.some(({ by }) => by === 'calls') ? 'calls' : all.some(({ by }) => by === 'rows') && 'rows',
      targets: all.flatMap(({ targets }) => targets),
    },
  };
}

/** Facts of functions a statement calls: what a body keeps may be any argument it is given. */
export function asCalled(facts: SqlFacts): SqlFacts {
  const { keeps } = facts;
  return keeps?.by === 'rows' ? { ...facts, keeps: { ...keeps, by: 'calls' } } : facts;
}

/** Facts that say no more than "this could be anything". */
export function blindFacts(why: string): SqlFacts {
  return {
    kind: 'sql',
    statements: [],
    effects: ['unknown'],
    unbounded: [],
    tables: [],
    complete: false,
    opaque: [why],
  };
}

/** What a part still leaves open, as facts: its calls and its EXECUTE, unless they were answered. */
export function openEnds(part: PartAnalysis): readonly SqlFacts[] {
  const open = part.calls.map((call) => blindFacts(`function ${spelled(call)}`));
  if (part.executes !== undefined) open.push(blindFacts(`prepared statement ${part.executes}`));
  return open;
}
