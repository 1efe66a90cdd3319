import type { Connection, Policy, ScrimDocument } from '@scrim/model';
import type { Actor } from '../../auth/principal.ts';
import type { ChangedThing } from '../../bus.ts';
import type { Context } from '../../context.ts';
import type { Db } from '../../database/client.ts';
import { lockConfiguration } from '../../database/lock.ts';
import { type FieldProblem, invalid } from '../../http/problem.ts';
import type { Connections } from '../connections/service.ts';
import { type PolicyChecker, requireEnforceable } from '../policies/checker.ts';
import type { Policies } from '../policies/service.ts';
import type { Change } from './difference.ts';

/** Every change of connections and policies goes through here, one at a time, whole or not at all. */
export interface Configuration {
  readonly connections: Connections;
  readonly policies: Policies;
  /**
   * Runs `work` in a transaction; afterwards every policy must be enforceable on every connection, or nothing was
   * changed. Edges are told when it is stored.
   */
  change<T extends Change | readonly Change[]>(work: (tx: Db) => Promise<T>): Promise<T>;
  /** Brings everything the document names to what it says. `prune` deletes what it does not name. */
  apply(actor: Actor, document: ScrimDocument, prune: boolean): Promise<readonly Change[]>;
  /** What {@link apply} would do; nothing is kept. */
  diff(actor: Actor, document: ScrimDocument, prune: boolean): Promise<readonly Change[]>;
}

/** Thrown to roll a dry run back; carries what it would have done. */
class DryRun extends Error {
  readonly changes: readonly Change[];

  constructor(changes: readonly Change[]) {
    super('dry run');
    this.changes = changes;
  }
}

function refuseTwins(kind: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (seen.has(name))
      throw invalid(`${kind}[${index}].name`, `"${name}" is there twice`, 'give each one a name of its own');
    seen.add(name);
  }
}

/** Problems name places in what was sent: `policies[0]` of all policies means nothing to whoever sent one. */
function placed(
  problems: readonly FieldProblem[],
  all: readonly Policy[],
  sent: readonly Policy[],
): FieldProblem[] {
  return problems.map((problem) => {
    const match = /^policies\[(\d+)\](.*)$/s.exec(problem.path);
    const name = match && all[Number(match[1])]?.name;
    if (!match || name === undefined || name === null) return problem;
    const index = sent.findIndex((policy) => policy.name === name);
    const rest = match[2] as string;
    return { ...problem, path: index === -1 ? `policy "${name}"${rest}` : `policies[${index}]${rest}` };
  });
}

interface Needs extends Pick<Context, 'db' | 'bus'> {
  readonly connections: Connections;
  readonly policies: Policies;
  readonly check: PolicyChecker;
}

/** Throws when a policy could not be enforced on a connection as both now stand. */
async function judge({ connections, policies, check }: Needs, tx: Db, sent: readonly Policy[]) {
  const all = (await policies.all(tx)).map(({ version, ...policy }) => policy as Policy);
  const targets: readonly Connection[] = await connections.all(tx);
  requireEnforceable(placed(check(all, targets), all, sent));
}

/** Tells every replica, and so every edge, what differs. */
async function tell({ bus }: Needs, changes: readonly Change[]): Promise<void> {
  const kinds: readonly (readonly [Change['kind'], ChangedThing])[] = [
    ['connection', 'connections'],
    ['policy', 'policies'],
  ];
  for (const [kind, what] of kinds) {
    const changed = changes.filter((change) => change.kind === kind && change.action !== 'unchanged');
    if (changed.length > 0)
      await bus.publish('scrim:changes', { what, names: changed.map((one) => one.name) });
  }
}

/** One change at a time, judged before it is kept; a dry run is rolled back by a {@link DryRun}. */
function transact<T extends Change | readonly Change[]>(
  needs: Needs,
  work: (tx: Db) => Promise<T>,
  sent: readonly Policy[],
  dry: boolean,
): Promise<T> {
  return needs.db.prisma.$transaction(
    async (tx) => {
      await lockConfiguration(tx);
      const result = await work(tx);
      const changes = [result].flat() as readonly Change[];
      if (changes.some((change) => change.action !== 'unchanged')) await judge(needs, tx, sent);
      if (dry) throw new DryRun(changes);
      return result;
    },
    { timeout: 30_000, maxWait: 10_000 },
  );
}

async function writeDocument(
  { connections, policies }: Needs,
  tx: Db,
  actor: Actor,
  document: ScrimDocument,
  prune: boolean,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const connection of document.connections) changes.push(await connections.put(tx, actor, connection));
  for (const policy of document.policies) changes.push(await policies.put(tx, actor, policy));
  if (!prune) return changes;
  const named = (list: readonly { name: string }[], name: string) => list.some((one) => one.name === name);
  for (const { name } of await policies.all(tx))
    if (!named(document.policies, name)) changes.push(await policies.remove(tx, actor, name));
  for (const { name } of await connections.all(tx))
    if (!named(document.connections, name)) changes.push(await connections.remove(tx, actor, name));
  return changes;
}

function namesOf(list: readonly { readonly name: string }[]): string[] {
  return list.map((one) => one.name);
}

export function createConfiguration(
  { db, bus }: Pick<Context, 'db' | 'bus'>,
  connections: Connections,
  policies: Policies,
  check: PolicyChecker,
): Configuration {
  const needs: Needs = { db, bus, connections, policies, check };

  const run = async (actor: Actor, document: ScrimDocument, prune: boolean, dry: boolean) => {
    refuseTwins('connections', namesOf(document.connections));
    refuseTwins('policies', namesOf(document.policies));
    const work = (tx: Db) => writeDocument(needs, tx, actor, document, prune);
    return transact(needs, work, document.policies, dry);
  };

  return {
    connections,
    policies,
    async change(work) {
      const result = await transact(needs, work, [], false);
      await tell(needs, [result].flat() as readonly Change[]);
      return result;
    },
    async apply(actor, document, prune) {
      const changes = await run(actor, document, prune, false);
      await tell(needs, changes);
      return changes;
    },
    async diff(actor, document, prune) {
      try {
        return await run(actor, document, prune, true);
      } catch (error) {
        if (error instanceof DryRun) return error.changes;
        throw error;
      }
    },
  };
}
