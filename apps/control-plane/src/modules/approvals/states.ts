/**
 * The life of an approval.
 *
 *                       approve, quorum not reached
 *                              ┌───┐
 *                              │   ▼
 *     requested by an edge ─▶ PENDING ──approve, quorum reached──▶ APPROVED ──redeem──▶ REDEEMED
 *                              │ │ │                                │    │
 *                        deny ─┘ │ └─ withdraw ──▶ WITHDRAWN ◀──────┘    │
 *                         │      │                          withdraw     │
 *                         ▼      └─ expire ──────▶ EXPIRED ◀── expire ───┘
 *                       DENIED
 *
 * DENIED, EXPIRED, WITHDRAWN and REDEEMED are final. Every arrow is one UPDATE whose WHERE names the state it leaves,
 * so two of anything (approvers, redemptions, replicas) cannot both take it. Time is judged by the database's clock
 * alone: replicas whose clocks differ still agree on what has expired.
 */
export const STATES = ['pending', 'approved', 'denied', 'expired', 'withdrawn', 'redeemed'] as const;
export type ApprovalState = (typeof STATES)[number];

export const EVENTS = ['approve', 'deny', 'expire', 'withdraw', 'redeem'] as const;
export type ApprovalEvent = (typeof EVENTS)[number];

/** An event that does not apply, and what to tell whoever caused it. */
export interface NotAllowed {
  readonly refused: string;
}

function no(refused: string): NotAllowed {
  return { refused };
}

const DECIDED = no('it was already approved');
const DENIED = no('it was already denied');
const LATE = no('it has expired');
const GONE = no('the caller no longer waits for it');
const USED = no('it was already used');
const WAITING = no('nobody has approved it yet');

/** Exhaustive by type: a new state or event does not compile until every pair is thought of. */
export const TRANSITIONS: Readonly<
  Record<ApprovalState, Readonly<Record<ApprovalEvent, ApprovalState | NotAllowed>>>
> = {
  // `approve` leads to approved only when it completes the quorum; until then the approval stays where it is.
  pending: { approve: 'approved', deny: 'denied', expire: 'expired', withdraw: 'withdrawn', redeem: WAITING },
  approved: { approve: DECIDED, deny: DECIDED, expire: 'expired', withdraw: 'withdrawn', redeem: 'redeemed' },
  denied: { approve: DENIED, deny: DENIED, expire: DENIED, withdraw: DENIED, redeem: DENIED },
  expired: { approve: LATE, deny: LATE, expire: LATE, withdraw: LATE, redeem: LATE },
  withdrawn: { approve: GONE, deny: GONE, expire: GONE, withdraw: GONE, redeem: GONE },
  redeemed: { approve: USED, deny: USED, expire: USED, withdraw: USED, redeem: USED },
};

/** States the event may leave, for the WHERE of its UPDATE. */
export function leaving(event: ApprovalEvent): ApprovalState[] {
  return STATES.filter((state) => typeof TRANSITIONS[state][event] === 'string');
}

/** Where the event leads from `state`, or why it does not apply. */
export function next(state: ApprovalState, event: ApprovalEvent): ApprovalState | NotAllowed {
  return TRANSITIONS[state][event];
}

/** True when nothing can happen to it any more. */
export function isFinal(state: ApprovalState): boolean {
  return EVENTS.every((event) => typeof TRANSITIONS[state][event] !== 'string');
}

/** Reads a state as the database holds it; a row this version does not know fails closed. */
export function parseState(text: string): ApprovalState {
  const state = STATES.find((known) => known === text);
  if (state === undefined) throw new Error(`unknown approval state: ${text}`);
  return state;
}
