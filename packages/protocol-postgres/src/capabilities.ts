import type { Capabilities } from '@scrim/protocol-kit';

/**
 * Which rules can fire on PostgreSQL. Headers have no place on this wire; field rules fire inside json and jsonb values.
 * Conditions that test masked columns are told by following values through the statement.
 */
export const capabilities: Capabilities = {
  masks: ['column', 'field', 'detect', 'pattern'],
  guards: ['sql', 'request', 'response'],
  response: ['largerThan', 'blobLargerThan', 'detect'],
  hold: true,
  predicates: true,
};
