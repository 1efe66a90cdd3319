import type { Protocol } from '@scrim/protocol-kit';
import { DIALECTS } from './dialect/index.ts';
import { createHttpProtocol } from './protocol.ts';

export { capabilities } from './capabilities.ts';
export type { AnswerReader, Dialect, ModelRequest, VendorError } from './dialect/contract.ts';
export { createHttpProtocol, type HttpParts } from './protocol.ts';
export { STATUS } from './refuse.ts';

/** HTTP with the dialects of the vendors it knows. */
export function openHttpProtocol(): Protocol {
  return createHttpProtocol({ dialect: (name) => DIALECTS[name] });
}
