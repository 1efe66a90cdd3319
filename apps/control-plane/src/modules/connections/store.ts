import type { Connection } from '@scrim/model';
import type { Db, Prisma } from '../../database/client.ts';
import { decodeCursor, type PageQuery } from '../../http/page.ts';
import type { CredentialSpec } from '../credentials/service.ts';

const WITH_CREDENTIAL = { credential: true } as const;
/** A connection's row with its credential's. */
export type ConnectionRow = Prisma.ConnectionGetPayload<{ include: typeof WITH_CREDENTIAL }>;

/** The connection as its document has it, with the credential the caller chose to put in. */
export function connectionOf(row: ConnectionRow, credential: CredentialSpec | undefined): Connection {
  return {
    name: row.name,
    protocol: row.protocol,
    target: row.target,
    ...(credential !== undefined && { credential }),
    labels: row.labels,
    ...(row.edges.length > 0 && { edges: row.edges }),
  } as unknown as Connection;
}

/** The columns of a connection but for its name and credential. */
export function columnsOf({ protocol, target, labels, edges }: Connection) {
  return { protocol, target: target as Prisma.InputJsonObject, labels, edges: [...(edges ?? [])] };
}

export function findConnection(db: Db, name: string): Promise<ConnectionRow | null> {
  return db.connection.findUnique({ where: { name }, include: WITH_CREDENTIAL });
}

export function allConnections(db: Db): Promise<ConnectionRow[]> {
  return db.connection.findMany({ include: WITH_CREDENTIAL, orderBy: { name: 'asc' } });
}

/** One more than `limit` rows, by name. */
export function listConnections(
  db: Db,
  page: PageQuery,
  filter: { readonly protocol?: string; readonly label?: readonly [string, string] },
): Promise<ConnectionRow[]> {
  const after = decodeCursor(page.cursor);
  return db.connection.findMany({
    where: {
      ...(after !== undefined && { name: { gt: after } }),
      ...(filter.protocol !== undefined && { protocol: filter.protocol }),
      ...(filter.label && { labels: { path: [filter.label[0]], equals: filter.label[1] } }),
    },
    include: WITH_CREDENTIAL,
    orderBy: { name: 'asc' },
    take: page.limit + 1,
  });
}
