import { z } from 'zod';
import { connectionSchema } from './connection.ts';
import { policySchema } from './policy.ts';

/** The one file of DESIGN section 11: `apiVersion: scrim/v1`. */
export const documentSchema = z.strictObject({
  apiVersion: z.literal('scrim/v1'),
  connections: z.array(connectionSchema).default([]),
  policies: z.array(policySchema).default([]),
});
export type ScrimDocument = z.infer<typeof documentSchema>;

export { findingsOf, problemsOf } from './document-issues.ts';
export * from './document-problem.ts';
export {
  MAX_DOCUMENT,
  type ReadDocument,
  type ReadYaml,
  readDocument,
  readYaml,
} from './document-reader.ts';
