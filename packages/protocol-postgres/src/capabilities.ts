import type { Capabilities } from '@scrim/protocol-kit';

/** Which rules can fire on PostgreSQL. Headers and JSON paths have no place on this wire. */
export const capabilities: Capabilities = {
  masks: ['column', 'detect', 'pattern'],
  guards: ['sql', 'request', 'response'],
  response: ['largerThan', 'blobLargerThan', 'detect'],
  hold: true,
  predicates: true,
};
