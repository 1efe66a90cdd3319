import type { Effect } from '@scrim/model';
import { type Ast, child } from './ast.ts';
import type { CopyAnalysis, PartAnalysis } from './contract.ts';
import { NO_CTES, relationName, Walk } from './walk.ts';

type Cursor = NonNullable<PartAnalysis['cursor']>;

/** One statement being analysed: what its handler fills in. */
export class Part {
  readonly walk = new Walk();
  /** The statement's own text. */
  readonly source: string;
  readonly depth: number;
  #tag = '';
  copy?: CopyAnalysis;
  executes?: string;
  prepares?: { name: string; text: string };
  deallocates?: string | null;
  cursor?: Cursor;

  constructor(source: string, depth: number) {
    this.source = source;
    this.depth = depth;
  }

  /** Names the statement by its command tag; finer names go on top. */
  tag(tag: string, ...effects: readonly Effect[]): void {
    this.#tag = tag;
    this.name(tag);
    for (const effect of effects) this.walk.into.effects.add(effect);
  }

  name(tag: string): void {
    this.walk.into.statements.add(tag.toLowerCase().replaceAll(' ', '_'));
  }

  /** The relation in field `key` is what the statement creates, changes or drops. */
  target(body: Ast, key: string): void {
    const relation = child(body, key);
    const name = relation && relationName(relation);
    if (!name) return;
    this.walk.into.touch(name, 'write');
    this.walk.into.define(name);
  }

  /** Relations and calls inside a definition are named but not run. */
  mention(value: unknown): void {
    const aside = new Walk();
    aside.visit(value, NO_CTES);
    for (const table of aside.into.tables) this.walk.into.touch(table, 'read');
  }

  /** Takes over another statement's part: `planned` = it is only looked at. */
  include(inner: Part, planned = false): void {
    this.walk.into.absorb(inner.walk.into, planned);
    if (inner.executes !== undefined) this.executes = inner.executes;
  }

  finish(): PartAnalysis {
    const { into } = this.walk;
    return {
      tag: this.#tag,
      facts: into.facts(),
      calls: [...into.calls.values()],
      builtins: [...into.builtins],
      attributes: [...into.attributes],
      sets: [...into.sets].map(([name, value]) => ({ name, value })),
      defines: [...into.defines.values()],
      ...(this.copy && { copy: this.copy }),
      ...(this.executes !== undefined && { executes: this.executes }),
      ...(this.prepares && { prepares: this.prepares }),
      ...(this.deallocates !== undefined && { deallocates: this.deallocates }),
      ...(this.cursor && { cursor: this.cursor }),
    };
  }

  get tagged(): string {
    return this.#tag;
  }
}
