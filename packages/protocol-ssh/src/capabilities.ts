import type { Capabilities } from '@scrim/protocol-kit';

/**
 * Which rules can fire on SSH. What flows is text without columns, fields or headers, so only detectors and patterns
 * mask; sizes are judged on what is sent and what comes back.
 */
export const capabilities: Capabilities = {
  masks: ['detect', 'pattern'],
  guards: ['shell', 'sftp', 'request', 'response'],
  response: ['largerThan', 'blobLargerThan', 'detect'],
  hold: true,
  predicates: false,
  opaque: true,
};
