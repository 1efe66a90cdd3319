import {
  type Caller,
  type Connection,
  type RefusalError,
  refuse,
  type Secret,
  type Snapshot,
} from '@scrim/model';
import { type CompiledPolicy, compilePolicies, matches } from '@scrim/policy';
import type { Grant, Knock, Limits } from '@scrim/protocol-kit';
import { mint } from '@scrim/protocol-kit/mint';

/** A caller's right to one connection, and the rules that come with it. */
export interface Authorisation {
  readonly caller: Caller;
  readonly connection: Connection;
  readonly part?: string;
  readonly compiled: CompiledPolicy;
  readonly snapshot: Snapshot;
}

function allowedPart(connection: Connection, part: string | undefined): string | undefined {
  if (part === undefined || connection.protocol !== 'postgres') return undefined;
  const { database, databases = [] } = connection.target;
  if (part === database) return undefined;
  if (databases.includes(part)) return part;
  throw refuse('SCRIM_CONNECTION_FORBIDDEN', {
    message: `connection "${connection.name}" does not open that database`,
    hint: 'name only the connection, or ask an administrator to list the database under target.databases',
  });
}

/**
 * Decides whether `caller` may use the connection a knock asks for, on the edge's current snapshot.
 * A token bound to connections opens just those; an unbound one (an ID token) opens a connection only where a policy
 * names the caller's groups or labels, so a stranger of a trusted issuer gets nothing by default. Nor can it tell
 * connections that exist from those that do not.
 * Throws a RefusalError: SCRIM_POLICY_EXPIRED, SCRIM_AUTH_AUDIENCE, SCRIM_CONNECTION_UNKNOWN or _FORBIDDEN.
 */
export function authorise(
  caller: Caller,
  wants: Pick<Knock, 'wants' | 'part'>,
  protocol: string,
  snapshot: Snapshot | undefined,
  now: number,
): Authorisation {
  if (!snapshot || snapshot.expiresAt <= now) {
    throw refuse('SCRIM_POLICY_EXPIRED', {
      hint: 'the edge cannot reach the control plane; try again when it can',
    });
  }
  if (caller.connections && !caller.connections.includes(wants.wants)) {
    throw refuse('SCRIM_AUTH_AUDIENCE', {
      message: 'the token is not for this connection',
      hint: 'ask for a token with `scrim token --connection NAME` for the connection you name',
    });
  }
  const connection = snapshot.connections.find((it) => it.name === wants.wants);
  if (!connection || connection.protocol !== protocol) throw unknownConnection();
  const subject = { labels: connection.labels, groups: caller.groups, kind: caller.kind };
  const compiled = compilePolicies(snapshot.policies, subject);
  if (!caller.connections && !snapshot.policies.some((it) => names(it.match) && matches(it, subject))) {
    throw unknownConnection();
  }
  const part = allowedPart(connection, wants.part);
  return { caller, connection, ...(part === undefined ? {} : { part }), compiled, snapshot };
}

/** A policy for everything and everybody (`match` left out) adds rules, but opens no door to strangers. */
function names(match: { readonly labels?: unknown; readonly groups?: unknown }): boolean {
  return match.groups !== undefined || Object.keys(match.labels ?? {}).length > 0;
}

function unknownConnection(): RefusalError {
  return refuse('SCRIM_CONNECTION_UNKNOWN', {
    hint: 'check the name; a connection that no policy opens to your groups looks the same',
  });
}

/** The permit to dial: exists only after {@link authorise} said yes. */
export function grantFor(
  authorisation: Authorisation,
  sessionId: string,
  secrets: Readonly<Record<string, Secret>>,
  limits: Limits,
): Grant {
  const { connection, caller, part } = authorisation;
  return mint({ connection, caller, secrets, limits, sessionId, ...(part === undefined ? {} : { part }) });
}
