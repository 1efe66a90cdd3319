import { expect, test } from '@jest/globals';
import { refuse } from '@scrim/model';
import { Bed, CUSTOMERS, column, operation, type Rules, rows, shape, statement } from '../testing.ts';
import type { Vault } from './vault.ts';

const REVERSIBLE = { tokenise: { reversible: true } };
const SSN: Rules = { mask: [{ column: 'customers.ssn', with: REVERSIBLE }] };
const EMAILS: Rules = { mask: [{ detect: ['pii.email'], with: REVERSIBLE }] };
const SHAPE = shape([column('customers.name'), column('customers.ssn')], [CUSTOMERS]);

/** What was put, as `policy token value`; `fails` makes the vault refuse. */
function memory(): { readonly put: string[][]; readonly vault: Vault; fails: boolean } {
  const put: string[][] = [];
  const state = {
    put,
    fails: false,
    vault: {
      of: (policy: string) => ({
        put(token: string, value: string) {
          if (state.fails) throw refuse('SCRIM_TOKEN_UNKEPT');
          put.push([policy, token, value]);
        },
      }),
    },
  };
  return state;
}

test('every reversible token the caller gets was put first, under the policy of the rule that made it', async () => {
  const { put, vault } = memory();
  const bed = await Bed.open([EMAILS, SSN], undefined, vault);
  await bed.target(rows(SHAPE, 'ask ada@example.com\t123-45-6789\n'));
  const tokens =
    bed
      .forwarded()
      .join('')
      .match(/tok_7\w+(@masked\.invalid)?/g) ?? [];
  expect(tokens).toHaveLength(2);
  expect(put.map(([policy, token, value]) => [policy, token, value]).sort()).toEqual([
    ['p0', tokens[0], 'ada@example.com'],
    ['p1', tokens[1], '123-45-6789'],
  ]);
});

test('a token that cannot be kept reaches nobody: the response ends the session', async () => {
  const state = memory();
  const bed = await Bed.open([SSN], undefined, state.vault);
  state.fails = true;
  await bed.target(rows(SHAPE, 'Ada\t123-45-6789\n'));
  expect(bed.forwarded()).toEqual([]);
  expect(bed.closedWith()).toBe('SCRIM_TOKEN_UNKEPT');
  expect(bed.kept()).not.toContain('123-45-6789');
});

test('a statement whose record needs a token that cannot be kept does not run', async () => {
  const state = memory();
  const bed = await Bed.open([EMAILS], undefined, state.vault);
  state.fails = true;
  await bed.say(operation(statement("SELECT 'ada@example.com'")));
  expect(bed.forwarded()).toEqual([]);
  expect(bed.closedWith()).toBe('SCRIM_TOKEN_UNKEPT');
});

test.each([
  ['without a vault', undefined],
  ['without a vault key', { of: () => undefined }],
])('%s, reversible rules open nothing and one-way rules are served', async (_name, vault) => {
  const bed = new Bed([SSN], undefined, vault);
  await bed.knock();
  expect(bed.rejections).toMatchObject([{ code: 'SCRIM_INTERNAL' }]);
  const oneWay = await Bed.open(
    [{ mask: [{ column: 'customers.ssn', with: 'tokenise' }] }],
    undefined,
    vault,
  );
  await oneWay.target(rows(SHAPE, 'Ada\t123-45-6789\n'));
  expect(oneWay.forwarded().join('')).toMatch(/^Ada\ttok_7\w+\n$/);
});
