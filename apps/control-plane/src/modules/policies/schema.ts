import { policySchema, resourceName } from '@scrim/model';
import { z } from 'zod';

export const policyInput = policySchema.meta({ id: 'PolicySpec' });

const written = {
  version: z.int().describe('also in the ETag header'),
  author: z.string(),
  createdAt: z.iso.datetime(),
};

/** A policy as it is enforced: its body with every default filled in. */
export const policyView = z
  .object({ name: z.string(), policy: z.record(z.string(), z.unknown()), ...written })
  .meta({ id: 'Policy' });
export type PolicyView = z.infer<typeof policyView>;

export const policyParams = z.object({ name: resourceName });
export const policyVersionParams = policyParams.extend({
  version: z.coerce.number().int().min(1).max(2_000_000_000),
});
export const rollbackInput = z.strictObject({ version: z.int().min(1) }).meta({ id: 'Rollback' });
