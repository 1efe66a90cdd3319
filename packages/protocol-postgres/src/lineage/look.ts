import type { QualifiedName } from '../statement/contract.ts';
import { type Carry, type Field, Gathered, NOTHING } from './carry.ts';
import { EMPTY_SCOPE, type Scope } from './scope.ts';
import type { World } from './world.ts';

/** Nodes looked at for one statement, with all views and functions behind it; beyond it the statement is unknown. */
const MAX_STEPS = 400_000;
/** Queries inside queries, views and functions. */
const MAX_DEPTH = 200;

/** Values a statement writes where they can be read later. */
export interface Stored {
  readonly relation: QualifiedName;
  /** Null = any of its columns. */
  readonly column: string | null;
  readonly carry: Carry;
}

/** Thrown where a statement cannot be followed: everything about it is then unknown. */
export class Lost extends Error {}

/** What one run of the resolver keeps; shared by everything inside one statement. */
export class Look {
  readonly world: World;
  /** What is tested so far; see {@link testing}. */
  tests = new Gathered();
  /** Arguments of set-returning functions in the select list under way: they decide how many rows it has. */
  multiplied = new Gathered();
  readonly stored: Stored[] = [];
  /** Names of user functions it calls. */
  readonly called = new Set<string>();
  /** Called something whose body cannot be read, or any function a user wrote. */
  usesFunctions = false;
  #steps = 0;
  #depth = 0;

  constructor(world: World) {
    this.world = world;
  }

  step(): void {
    this.#steps += 1;
    if (this.#steps > MAX_STEPS) throw new Lost('too much to follow');
  }

  nested<T>(run: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new Lost('nested too deeply');
    try {
      return run();
    } finally {
      this.#depth -= 1;
    }
  }

  /** Runs with tests gathered apart; they count for the whole as well. */
  testing<T>(run: () => T): { readonly result: T; readonly tests: Carry } {
    const before = this.tests;
    this.tests = new Gathered();
    try {
      const result = run();
      return { result, tests: this.tests.carry };
    } finally {
      const { carry } = this.tests;
      this.tests = before;
      before.add(carry);
    }
  }
}

/** Rows a CTE gives; undefined = their columns are not known. */
export type Ctes = ReadonlyMap<string, readonly Field[] | undefined>;

/** Where in a statement an expression stands. */
export interface At {
  readonly look: Look;
  readonly scope: Scope;
  readonly ctes: Ctes;
  /** In the definition of a view bare names are PostgreSQL's own. */
  readonly system: boolean;
  /** In a function body a name that is no column is a parameter or variable. */
  readonly variables: boolean;
  /** What `merge_action()` shows: the conditions of a MERGE. */
  readonly merging: Carry;
}

export function start(look: Look, more: Partial<Pick<At, 'system' | 'variables'>> = {}): At {
  return {
    look,
    scope: EMPTY_SCOPE,
    ctes: new Map(),
    system: false,
    variables: false,
    merging: NOTHING,
    ...more,
  };
}
