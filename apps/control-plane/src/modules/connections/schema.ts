import { connectionSchema, resourceName } from '@scrim/model';
import { z } from 'zod';
import { pageQuery } from '../../http/page.ts';

/** What a client sends. Secrets given as `{value: …}` are sealed and never come back. */
export const connectionInput = connectionSchema.meta({ id: 'ConnectionSpec' });

/** What a client gets: the connection as it was given, its sealed secrets shown as `[secret]`. */
export const connectionView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    protocol: z.string(),
    target: z.record(z.string(), z.unknown()),
    credential: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('sealed secrets are shown as {"value":"[secret]"}; sent back, that keeps them'),
    labels: z.record(z.string(), z.string()),
    edges: z.array(z.string()).optional().describe('absent = every edge serves it'),
    version: z.int().describe('what If-Match compares; also in the ETag header'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Connection' });
export type ConnectionView = z.infer<typeof connectionView>;

export const connectionParams = z.object({ name: resourceName });

export const connectionQuery = pageQuery.extend({
  protocol: z.string().max(32).optional(),
  label: z
    .string()
    .regex(/^[^=]{1,200}=.{0,200}$/s, 'write key=value')
    .optional()
    .describe('only connections with this label: `env=prod`'),
});
export type ConnectionQuery = z.infer<typeof connectionQuery>;
