import { z } from 'zod';

/** Tokens opened by one request: more would keep the event loop from others. */
export const MAX_TOKENS = 500;
const MAX_TEXT = 512 * 1024;

const token = z.string().min(1).max(256);
const reason = z
  .string()
  .trim()
  .min(3)
  .max(500)
  .describe('why the values are needed; stands in the audit, so write no value into it');

export const detokeniseInput = z
  .union([
    z.strictObject({ tokens: z.array(token).min(1).max(MAX_TOKENS), reason }),
    z.strictObject({
      text: z
        .string()
        .min(1)
        .max(MAX_TEXT)
        .describe('tokens in it are replaced; stand-ins of narrow types (int4, date …) are not looked for'),
      reason,
    }),
  ])
  .meta({ id: 'Detokenise' });
export type DetokeniseInput = z.infer<typeof detokeniseInput>;

export const TOKEN_STATES = ['opened', 'unknown', 'forbidden', 'erased', 'ambiguous', 'unreadable'] as const;
export type TokenState = (typeof TOKEN_STATES)[number];

export const detokeniseView = z
  .object({
    tokens: z.array(
      z.object({
        token: z.string(),
        state: z
          .enum(TOKEN_STATES)
          .describe(
            '`unknown`: nothing is kept for it (or not yet: edges report within a second); `forbidden`: made by no policy ' +
              'that lets your groups open it; `erased`: forgotten for good; `ambiguous`: two values share it; ' +
              '`unreadable`: its key is gone',
          ),
        value: z.string().optional().describe('with `opened` only'),
      }),
    ),
    text: z.string().optional().describe('the text sent, with what could be opened in it restored'),
  })
  .meta({ id: 'Detokenised' });
export type DetokeniseView = z.infer<typeof detokeniseView>;

export const eraseParams = z.object({ token });
export const eraseQuery = z.object({ reason });
export const erasedView = z
  .object({
    token: z.string(),
    values: z.int().describe('values that were forgotten; 0 when it was erased before'),
  })
  .meta({ id: 'ErasedToken' });

export const eraseValueInput = z
  .strictObject({ value: z.string().min(1).max(65_536), reason })
  .meta({ id: 'EraseValue' });
export const erasedValueView = z
  .object({ tokens: z.array(z.string()).describe('tokens that stood for it; none can be opened any more') })
  .meta({ id: 'ErasedValue' });

export const vaultKeyView = z
  .object({ keyId: z.string(), createdAt: z.iso.datetime() })
  .meta({ id: 'VaultKey' });
