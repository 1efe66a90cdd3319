import type { Db } from './client.ts';

/**
 * One change of connections, policies or their secrets at a time, until the transaction ends: whether a policy can be
 * enforced depends on every connection, so two changes that are right alone could be wrong together.
 */
export async function lockConfiguration(tx: Db): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('scrim configuration'))`;
}
