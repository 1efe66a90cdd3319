import { z } from 'zod';
import { ROLES } from '../../auth/principal.ts';

export const whoami = z
  .object({
    subject: z.string(),
    groups: z.array(z.string()),
    roles: z.array(z.enum(ROLES)),
    kind: z.enum(['person', 'machine']),
    via: z.enum(['admin-token', 'api-key', 'scrim-token', 'oidc']).describe('what proved it'),
  })
  .meta({ id: 'WhoAmI' });

export const info = z
  .object({
    version: z.string(),
    mode: z.enum(['development', 'production']),
    publicUrl: z.string(),
    time: z.iso.datetime().describe("the control plane's clock"),
  })
  .meta({ id: 'Info' });
