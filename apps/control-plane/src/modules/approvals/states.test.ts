import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ApprovalState, EVENTS, isFinal, leaving, next, parseState, STATES } from './states.ts';

test('every pair of state and event has an answer, and final states stay final', () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const to = next(state, event);
      if (typeof to === 'string') expect(STATES).toContain(to);
      else expect(to.refused.length).toBeGreaterThan(0);
    }
  }
  expect(STATES.filter(isFinal)).toEqual(['denied', 'expired', 'withdrawn', 'redeemed']);
});

test('no run of events redeems without an approval right before, or twice', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 12 }), (events) => {
      let state: ApprovalState = 'pending';
      let redeemed = 0;
      for (const event of events) {
        const to = next(state, event);
        if (typeof to !== 'string') continue;
        if (to === 'redeemed') {
          expect(state).toBe('approved');
          redeemed += 1;
        }
        state = to;
      }
      expect(redeemed).toBeLessThanOrEqual(1);
    }),
  );
});

test('names the states an UPDATE may leave', () => {
  expect(leaving('approve')).toEqual(['pending']);
  expect(leaving('expire')).toEqual(['pending', 'approved']);
  expect(leaving('redeem')).toEqual(['approved']);
});

test('a state of a newer version fails closed', () => {
  expect(() => parseState('escalated')).toThrow('unknown approval state');
});
