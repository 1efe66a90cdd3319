import { z } from 'zod';

export const rotation = z
  .object({
    masterKeyId: z.string().describe('public name of the master key everything is wrapped by now'),
    credentials: z.int().describe('credentials re-wrapped by this call'),
    signingKeys: z.int().describe("the control plane's own keys re-wrapped by this call"),
  })
  .meta({ id: 'Rotation' });
