import { expect, test } from '@jest/globals';
import { type Policy, policySchema, type ShellFacts } from '@scrim/model';
import { compilePolicies, type VersionedPolicy } from './index.ts';

const SUBJECT = { labels: {}, groups: ['ops'] };
const GUARD = [{ when: { shell: { commands: ['rm'] } }, do: 'block' }];
const APPROVE = { by: ['dba'] };

function policy(fields: Partial<Record<keyof Policy, unknown>>): VersionedPolicy {
  return { ...policySchema.parse({ name: 'p', ...fields }), version: 1 };
}

function shell(facts: Partial<ShellFacts>) {
  const all: ShellFacts = { kind: 'shell', commands: ['ls'], effects: ['read'], complete: true, ...facts };
  return { verb: 'exec', text: 'x', facts: all };
}

test.each<[string, readonly VersionedPolicy[], 'person' | 'machine', string, boolean]>([
  ['nothing is said to a machine', [], 'machine', 'block', false],
  ['nothing is said to a person', [], 'person', 'allow', false],
  ['shell guards and approvers', [policy({ guard: GUARD, approve: APPROVE })], 'person', 'hold', false],
  ['shell guards and nobody to approve', [policy({ guard: GUARD })], 'person', 'block', false],
  ['refuse', [policy({ interactive: 'refuse' })], 'person', 'block', false],
  ['record opens it to machines too', [policy({ interactive: 'record' })], 'machine', 'allow', false],
  ['lines', [policy({ interactive: 'lines', guard: GUARD })], 'machine', 'allow', true],
  ['hold', [policy({ interactive: 'hold', approve: APPROVE })], 'person', 'hold', false],
  ['hold for nobody', [policy({ interactive: 'hold' })], 'person', 'block', false],
  [
    'the strictest counts, and lines stay lines',
    [policy({ interactive: 'lines' }), policy({ interactive: 'hold', approve: APPROVE })],
    'person',
    'hold',
    true,
  ],
  [
    'refuse over record',
    [policy({ interactive: 'record' }), policy({ interactive: 'refuse' })],
    'person',
    'block',
    false,
  ],
  [
    'a policy of other groups says nothing',
    [policy({ interactive: 'record', match: { groups: ['others'] } })],
    'machine',
    'block',
    false,
  ],
])('an interactive shell: %s', (_, policies, kind, action, lines) => {
  const rule = compilePolicies(policies, SUBJECT).interactive(kind);
  expect([rule.verdict.action, rule.lines]).toEqual([action, lines]);
});

const judge = (when: unknown, facts: Partial<ShellFacts>, what = 'block') =>
  compilePolicies(
    [
      policy({
        guard: [
          { when: { shell: when }, do: what },
          { when: { shell: {} }, do: 'warn' },
        ],
      }),
    ],
    SUBJECT,
  ).judge(shell(facts)).action;

test.each<[unknown, Partial<ShellFacts>, string]>([
  [{ commands: ['rm'] }, { commands: ['rm'] }, 'block'],
  [{ commands: ['rm'] }, { commands: ['/bin/rm'] }, 'block'],
  [{ commands: ['rm'] }, { commands: ['/opt/x/RM'] }, 'block'],
  [{ commands: ['/bin/rm'] }, { commands: ['rm'] }, 'block'],
  [{ commands: ['rm'] }, { commands: ['rmdir'] }, 'warn'],
  [{ commands: ['mkfs*'] }, { commands: ['/sbin/mkfs.ext4'] }, 'block'],
  [{ commands: ['rm'] }, { commands: ['wrap'], mayRun: ['rm'] }, 'block'],
  [{ commands: ['rm'] }, { complete: false }, 'block'],
  [{ effects: ['write'] }, { effects: ['read'] }, 'warn'],
  [{ effects: ['write'] }, { effects: ['read', 'write'] }, 'block'],
  [{ effects: ['write'] }, { effects: ['unknown'] }, 'block'],
  [{ effects: ['privileged'], commands: ['ls'] }, { effects: ['privileged'] }, 'block'],
  [{ effects: ['privileged'], commands: ['rm'] }, { effects: ['privileged'] }, 'warn'],
])('a rule that blocks %j judges %j: %s', (when, facts, action) => {
  expect(judge(when, facts)).toBe(action);
});

test('facts without effects are judged as the worst', () => {
  const facts: ShellFacts = { kind: 'shell', commands: ['ls'], complete: true };
  const compiled = compilePolicies(
    [policy({ guard: [{ when: { shell: { effects: ['network'] } }, do: 'block' }] })],
    SUBJECT,
  );
  expect(compiled.judge({ verb: 'exec', text: 'ls', facts }).action).toBe('block');
});

test.each<[unknown, Partial<ShellFacts>, string]>([
  [{ commands: ['ls'] }, {}, 'allow'],
  [{ commands: ['ls'] }, { commands: ['/usr/bin/ls'] }, 'allow'],
  [{ commands: ['ls'] }, { commands: ['/tmp/ls'] }, 'warn'],
  [{ commands: ['ls'] }, { commands: ['LS'] }, 'warn'],
  [{ commands: ['ls'] }, { commands: ['ls', 'id'] }, 'warn'],
  [{ commands: ['ls'] }, { writes: ['/etc/passwd'] }, 'warn'],
  [{ commands: ['ls'] }, { complete: false }, 'warn'],
  [{ commands: ['ls'] }, { commands: [] }, 'warn'],
  [{ effects: ['read'] }, {}, 'allow'],
  [{ effects: ['read'] }, { effects: ['read', 'network'] }, 'warn'],
  [{ effects: ['read', 'network'] }, { effects: ['read', 'network'] }, 'allow'],
  [{ effects: ['read'] }, { effects: ['unknown'] }, 'warn'],
  [{ effects: ['read', 'write'] }, { effects: ['read', 'write'], writes: ['f'] }, 'allow'],
])('a rule that allows %j judges %j: %s', (when, facts, action) => {
  expect(judge(when, facts, 'allow')).toBe(action);
});
