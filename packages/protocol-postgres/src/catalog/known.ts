import type { FunctionResult } from '../lineage/bodies.ts';
import {
  type Carry,
  carryOf,
  type Field,
  isNothing,
  join,
  NOTHING,
  OPEN,
  UNKNOWN,
  type Value,
} from '../lineage/carry.ts';
import { viewColumns } from '../lineage/statement.ts';
import type { KnownRelation, World } from '../lineage/world.ts';
import type { FunctionInfo, QualifiedName } from '../statement/contract.ts';
import { functionFacts } from '../statement/resolve.ts';
import type { ColumnOrigin, TypeInfo } from './contract.ts';

/** A relation as a snapshot keeps it, as far as its columns are concerned. */
export interface StoredRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: ReadonlyMap<number, string>;
  readonly generated: ReadonlyMap<number, unknown>;
  /** Functions a view's definition depends on. */
  readonly calls: ReadonlySet<number>;
  readonly triggers: readonly number[];
}

/** What the lineage of a database's own relations and functions rests on. */
export interface Holdings {
  relations(name: QualifiedName): readonly StoredRelation[];
  functions(name: QualifiedName): readonly FunctionInfo[];
  functionByOid(oid: number): FunctionInfo | undefined;
  /** Text of a user view's definition; undefined where it is none. */
  definition(relation: StoredRelation): string | undefined;
  isView(relation: StoredRelation): boolean;
  /** Origin of a column that is no view's. */
  origin(relation: StoredRelation, attnum: number): ColumnOrigin | undefined;
  composites(name: string): readonly TypeInfo[];
  /** Functions behind casts. */
  casts(): readonly number[];
}

/** The resolver's view of one loaded catalog: each relation and function is followed when first asked for. */
export class CatalogWorld implements World {
  readonly bodies = new Map<string, FunctionResult | null>();
  readonly #holdings: Holdings;
  readonly #known = new Map<number, KnownRelation>();
  readonly #computing = new Map<FunctionInfo, boolean>();
  #casts: readonly FunctionInfo[] | undefined;
  /** Views whose definition is being followed. */
  readonly #open = new Set<number>();

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  relations(name: QualifiedName): readonly KnownRelation[] {
    return this.#holdings.relations(name).map((relation) => this.relation(relation));
  }

  functions(name: QualifiedName): readonly FunctionInfo[] {
    return this.#holdings.functions(name);
  }

  composite(name: QualifiedName): readonly string[] | undefined {
    const found = this.#holdings
      .composites(name.name)
      .filter(({ schema }) => name.schema === null || schema === name.schema)
      .map(({ fields }) => fields.map((field) => field.name));
    const [first] = found;
    return first && found.every((fields) => fields.join() === first.join()) ? first : undefined;
  }

  computes(info: FunctionInfo): boolean {
    const known = this.#computing.get(info);
    if (known !== undefined) return known;
    const facts = functionFacts([info], (name) => this.functions(name));
    const idle = facts.effects.every((effect) => effect === 'read');
    const found = facts.complete && idle && facts.tables.length === 0;
    this.#computing.set(info, found);
    return found;
  }

  get casts(): readonly FunctionInfo[] {
    this.#casts ??= this.#holdings
      .casts()
      .flatMap((oid) => this.#holdings.functionByOid(oid) ?? [])
      .filter((info) => !this.computes(info));
    return this.#casts;
  }

  relation(stored: StoredRelation): KnownRelation {
    const known = this.#known.get(stored.oid);
    if (known) return known;
    const view = this.#holdings.isView(stored);
    const { columns, tests } = view ? this.#view(stored) : { columns: this.#table(stored), tests: NOTHING };
    const infos = stored.triggers.map((oid) => this.#holdings.functionByOid(oid));
    const found: KnownRelation = {
      schema: stored.schema,
      name: stored.name,
      columns,
      listed: columns,
      any: undefined,
      triggers: infos.flatMap((info) => info ?? []),
      generates: stored.generated.size > 0 || stored.triggers.length > 0,
      tests,
    };
    if (!this.#open.has(stored.oid)) this.#known.set(stored.oid, found);
    return found;
  }

  #table(stored: StoredRelation): readonly Field[] {
    return [...stored.columns].map(([number, name]) => {
      const origin = this.#holdings.origin(stored, number);
      const value: Value = origin
        ? {
            carry: carryOf(origin.origins, !origin.exact),
            kind: stored.generated.has(number) ? 'computed' : 'plain',
          }
        : UNKNOWN;
      return { name, value };
    });
  }

  /** Own place first, then what is behind it. */
  #view(stored: StoredRelation): { columns: readonly Field[]; tests: Carry } {
    const found = this.#open.has(stored.oid) ? undefined : this.#follow(stored);
    const columns = [...stored.columns.values()].map((name, i) => {
      const own = carryOf([{ schema: stored.schema, table: stored.name, column: name }]);
      const behind = found?.columns[i]?.value ?? UNKNOWN;
      const { row: _row, ...value } = behind;
      // A mask on the view's own column is no mask on something computed.
      const kind = isNothing(behind.carry) ? 'plain' : behind.kind;
      return { name, value: { ...value, kind, carry: join(own, behind.carry) } };
    });
    return { columns, tests: found ? found.tests : OPEN };
  }

  #follow(stored: StoredRelation): ReturnType<typeof viewColumns> {
    const definition = this.#holdings.definition(stored);
    if (definition === undefined) return undefined;
    this.#open.add(stored.oid);
    const found = viewColumns(definition, this);
    this.#open.delete(stored.oid);
    // A definition that does not have the view's own columns was not understood.
    if (found?.columns.length !== stored.columns.size) return undefined;
    // A function it depends on without naming it stands behind a cast or an operator: not followed.
    const hidden = [...stored.calls].map((oid) => this.#holdings.functionByOid(oid));
    const seen = hidden.every((info) => info && (found.called.has(info.name) || this.computes(info)));
    return seen ? found : undefined;
  }
}

/** The catalog's answer for a column of a view. */
export function originOf(value: Value): ColumnOrigin {
  const { carry, kind } = value;
  return {
    origins: [...carry.places.values()],
    exact: !carry.open,
    ...(kind === 'plain' || isNothing(carry) ? {} : { derived: kind }),
  };
}
