import { expect, test } from '@jest/globals';
import { Budgets } from './budget.ts';

const limit = (kind: 'requestsPerMinute' | 'tokensPerMinute' | 'tokensPerDay', amount: number) =>
  ({ kind, amount, rule: `p/limits.${kind}` }) as const;

test('requests of a minute are counted as it slides', () => {
  let now = 1_000_000_000;
  const budget = new Budgets(() => now).of('i', 'a', 'c');
  const limits = [limit('requestsPerMinute', 3)];
  for (let asked = 0; asked < 3; asked++) {
    expect(budget.ask(limits)).toBeUndefined();
    now += 10_000;
  }
  const refusal = budget.ask(limits);
  expect(refusal).toMatchObject({ code: 'SCRIM_BUDGET', rule: 'p/limits.requestsPerMinute' });
  now += (refusal?.retryAfter ?? 0) * 1000;
  expect(refusal?.retryAfter).toBeLessThanOrEqual(31);
  expect(budget.ask(limits)).toBeUndefined();
  expect(budget.ask(limits)?.retryAfter).toBeLessThanOrEqual(11);
});

test('tokens count when the answer is over; the refusal says when enough of them are old', () => {
  let now = 5_000_000_000;
  const budget = new Budgets(() => now).of('i', 'a', 'c');
  const limits = [limit('tokensPerMinute', 100), limit('tokensPerDay', 1000)];
  expect(budget.ask(limits)).toBeUndefined();
  budget.spend(150);
  const first = budget.ask(limits);
  expect(first?.rule).toBe('p/limits.tokensPerMinute');
  now += (first?.retryAfter ?? 0) * 1000;
  expect(budget.ask(limits)).toBeUndefined();
  budget.spend(900);
  const second = budget.ask(limits);
  expect(second?.rule).toBe('p/limits.tokensPerDay');
  expect(second?.retryAfter).toBeGreaterThan(23 * 3600);
  now += (second?.retryAfter ?? 0) * 1000;
  expect(budget.ask(limits)).toBeUndefined();
});

test('each caller and connection has its own, and the same one again', () => {
  const budgets = new Budgets(() => 1e9);
  const limits = [limit('requestsPerMinute', 1)];
  expect(budgets.of('i', 'a', 'c').ask(limits)).toBeUndefined();
  expect(budgets.of('i', 'a', 'c').ask(limits)).toBeDefined();
  for (const other of [budgets.of('i', 'b', 'c'), budgets.of('j', 'a', 'c'), budgets.of('i', 'a', 'd')]) {
    expect(other.ask(limits)).toBeUndefined();
  }
});
