import { refuse } from '@scrim/model';
import type { Protocol } from '@scrim/protocol-kit';
import { createHttpProtocol } from './protocol.ts';

export { capabilities } from './capabilities.ts';
export type { AnswerReader, Dialect, ModelRequest, VendorError } from './dialect/contract.ts';
export { createHttpProtocol, type HttpParts } from './protocol.ts';
export { STATUS } from './refuse.ts';

/** HTTP with the dialects of the vendors it knows. */
export function openHttpProtocol(): Protocol {
  return createHttpProtocol({
    dialect: (name) => {
      throw refuse('SCRIM_UNSUPPORTED', { message: `the dialect ${name} is not served` });
    },
  });
}
