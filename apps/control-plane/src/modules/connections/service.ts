import type { Connection } from '@scrim/model';
import type { Actor } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import type { Db } from '../../database/client.ts';
import { type Page, toPage } from '../../http/page.ts';
import { notFound } from '../../http/problem.ts';
import { requireVersion } from '../../http/version.ts';
import { recordAudit } from '../audit/record.ts';
import { type CredentialSpec, type Credentials, HIDDEN, sameCredential } from '../credentials/service.ts';
import { type Change, differences, type ValueChange } from '../documents/difference.ts';
import type { ConnectionQuery, ConnectionView } from './schema.ts';
import {
  allConnections,
  type ConnectionRow,
  columnsOf,
  connectionOf,
  findConnection,
  listConnections,
} from './store.ts';

/** The registered targets. Methods that take a `Db` run inside the transaction of a configuration change. */
export interface Connections {
  list(query: ConnectionQuery): Promise<Page<ConnectionView>>;
  /** Throws SCRIM_API_NOT_FOUND. */
  get(name: string, db?: Db): Promise<ConnectionView>;
  /** Creates or replaces; writes nothing when nothing differs. */
  put(tx: Db, actor: Actor, connection: Connection, expected?: number): Promise<Change>;
  remove(tx: Db, actor: Actor, name: string, expected?: number): Promise<Change>;
  /** All of them, secrets hidden: what policies are checked against. */
  all(db: Db): Promise<readonly Connection[]>;
  /** All of them with their secrets opened: for edges' snapshots only. */
  revealed(db: Db): Promise<readonly Connection[]>;
}

function credentialOf(connection: Connection): CredentialSpec | undefined {
  // Optional fields a client left out are absent after parsing, so no undefined gets through here.
  return connection.credential as CredentialSpec | undefined;
}

/** A changed secret is a change although both sides read the same. */
function secretChanges(before: CredentialSpec | undefined, after: CredentialSpec | undefined) {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names].flatMap((name) => {
    const [old, now] = [before?.[name], after?.[name]];
    if (typeof old !== 'object' || typeof now !== 'object' || !('value' in old) || !('value' in now))
      return [];
    if (now.value === HIDDEN || old.value === now.value) return [];
    return [{ path: `credential.${name}.value`, before: HIDDEN, after: HIDDEN }];
  });
}

function hidden(spec: CredentialSpec | undefined): CredentialSpec | undefined {
  if (spec === undefined) return undefined;
  const entries = Object.entries(spec).map(([name, source]) => {
    const secret = typeof source === 'object' && 'value' in source;
    return [name, secret ? { value: HIDDEN } : source] as const;
  });
  return Object.fromEntries(entries);
}

interface Needs extends Pick<Context, 'db' | 'newId' | 'now'> {
  readonly credentials: Credentials;
}

/** As everybody may see it: secrets hidden. */
function shown({ credentials }: Needs, row: ConnectionRow): Connection {
  return connectionOf(row, row.credential ? credentials.view(row.credential) : undefined);
}

/** With its secrets in clear: for edges, and to tell whether one changed. */
function opened({ credentials }: Needs, row: ConnectionRow): Connection {
  return connectionOf(row, row.credential ? credentials.reveal(row.credential) : undefined);
}

function viewOf(needs: Needs, row: ConnectionRow): ConnectionView {
  return {
    ...(shown(needs, row) as unknown as ConnectionView),
    id: row.id,
    version: row.version,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

async function required(tx: Db, name: string): Promise<ConnectionRow> {
  const row = await findConnection(tx, name);
  if (row) return row;
  throw notFound('connection', name);
}

async function create(needs: Needs, tx: Db, actor: Actor, connection: Connection): Promise<Change> {
  const { credentials, newId } = needs;
  const { name } = connection;
  const spec = credentialOf(connection);
  const credential = spec && (await tx.credential.create({ data: credentials.seal(newId(), spec) }));
  await tx.connection.create({
    data: { id: newId(), name, ...columnsOf(connection), credentialId: credential?.id ?? null },
  });
  const after = shown(needs, await required(tx, name));
  await recordAudit(tx, actor, { action: 'connection.create', resource: `connection/${name}`, after });
  return { kind: 'connection', name, action: 'create', changes: differences({}, after) };
}

/** Replaces the credential's columns in its row, so that the row's id (and what is bound to it) stays. */
async function replaceCredential(
  { credentials, newId, now }: Needs,
  tx: Db,
  row: ConnectionRow,
  spec: CredentialSpec | undefined,
): Promise<string | null> {
  if (spec === undefined) return null;
  if (row.credential === null)
    return (await tx.credential.create({ data: credentials.seal(newId(), spec) })).id;
  const { id, ...data } = credentials.seal(row.credential.id, spec, row.credential);
  await tx.credential.update({
    where: { id: row.credential.id },
    data: { ...data, updatedAt: new Date(now()) },
  });
  return row.credential.id;
}

/** What the written connection changes, secrets by name alone. */
function changesBy(needs: Needs, row: ConnectionRow, connection: Connection): readonly ValueChange[] {
  const spec = credentialOf(connection);
  const wanted = { ...connection, credential: hidden(spec) };
  // An empty list of edges means the same as none, and is shown as none.
  const edges = connection.edges?.length ? connection.edges : undefined;
  const visible = differences(shown(needs, row), { ...wanted, edges });
  return [...visible, ...secretChanges(credentialOf(opened(needs, row)), spec)];
}

async function update(
  needs: Needs,
  tx: Db,
  actor: Actor,
  row: ConnectionRow,
  connection: Connection,
): Promise<Change> {
  const { name } = connection;
  const changes = changesBy(needs, row, connection);
  if (changes.length === 0) return { kind: 'connection', name, action: 'unchanged' };
  const spec = credentialOf(connection);
  const sameSecrets = sameCredential(credentialOf(opened(needs, row)), spec);
  const credentialId = sameSecrets ? row.credentialId : await replaceCredential(needs, tx, row, spec);
  const updatedAt = new Date(needs.now());
  await tx.connection.update({
    where: { name },
    data: { ...columnsOf(connection), credentialId, version: row.version + 1, updatedAt },
  });
  if (row.credentialId !== null && credentialId === null)
    await tx.credential.delete({ where: { id: row.credentialId } });
  const after = shown(needs, await required(tx, name));
  await recordAudit(tx, actor, {
    action: 'connection.update',
    resource: `connection/${name}`,
    before: shown(needs, row),
    after: { ...after, changed: changes.map((change) => change.path) },
  });
  return { kind: 'connection', name, action: 'update', changes };
}

async function list(needs: Needs, query: ConnectionQuery): Promise<Page<ConnectionView>> {
  const at = query.label?.indexOf('=') ?? -1;
  const rows = await listConnections(needs.db.prisma, query, {
    ...(query.protocol !== undefined && { protocol: query.protocol }),
    ...(query.label !== undefined && {
      label: [query.label.slice(0, at), query.label.slice(at + 1)] as const,
    }),
  });
  return toPage(
    rows,
    query.limit,
    (row) => row.name,
    (row) => viewOf(needs, row),
  );
}

async function remove(needs: Needs, tx: Db, actor: Actor, name: string, expected?: number): Promise<Change> {
  const row = await required(tx, name);
  requireVersion(`connection "${name}"`, row.version, expected);
  await tx.connection.delete({ where: { name } });
  if (row.credentialId !== null) await tx.credential.delete({ where: { id: row.credentialId } });
  const before = shown(needs, row);
  await recordAudit(tx, actor, { action: 'connection.delete', resource: `connection/${name}`, before });
  return { kind: 'connection', name, action: 'delete', changes: [] };
}

export function createConnections(
  context: Pick<Context, 'db' | 'newId' | 'now'>,
  credentials: Credentials,
): Connections {
  const { db, newId, now } = context;
  const needs: Needs = { db, newId, now, credentials };
  return {
    list: (query) => list(needs, query),
    get: async (name, on = db.prisma) => viewOf(needs, await required(on, name)),
    async put(tx, actor, connection, expected) {
      const row = await findConnection(tx, connection.name);
      if (expected !== undefined)
        requireVersion(`connection "${connection.name}"`, row?.version ?? 0, expected);
      return row ? update(needs, tx, actor, row, connection) : create(needs, tx, actor, connection);
    },
    remove: (tx, actor, name, expected) => remove(needs, tx, actor, name, expected),
    all: async (on) => (await allConnections(on)).map((row) => shown(needs, row)),
    revealed: async (on) => (await allConnections(on)).map((row) => opened(needs, row)),
  };
}
