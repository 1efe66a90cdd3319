import { documentSchema } from '@scrim/model';
import { z } from 'zod';

export const documentInput = documentSchema.meta({ id: 'Document' });

export const documentQuery = z.object({
  prune: z.enum(['true', 'false']).default('false').describe('delete what the document does not name'),
});

const valueChange = z.object({
  path: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
});

export const changesView = z
  .object({
    changes: z.array(
      z.object({
        kind: z.enum(['connection', 'policy']),
        name: z.string(),
        action: z.enum(['create', 'update', 'delete', 'unchanged']),
        changes: z.array(valueChange).optional(),
      }),
    ),
  })
  .meta({ id: 'Changes' });
