import type { Capabilities } from '@scrim/protocol-kit';

/** Which rules can fire on HTTP. There are no columns on this wire; JSON, forms, CSV and XML have fields, messages headers. */
export const capabilities: Capabilities = {
  masks: ['field', 'header', 'detect', 'pattern'],
  guards: ['http', 'request', 'response'],
  response: ['largerThan', 'blobLargerThan', 'detect'],
  hold: true,
  predicates: false,
  opaque: true,
  models: true,
  echoesCredential: true,
};
