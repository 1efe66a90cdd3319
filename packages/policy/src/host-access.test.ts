import { expect, test } from '@jest/globals';
import { type Facts, type FileFacts, type Policy, policySchema } from '@scrim/model';
import { compilePolicies } from './index.ts';

const SUBJECT = { labels: {}, groups: ['ops'], kind: 'person' as const };

type Fields = Partial<Record<keyof Policy, unknown>>;

function judge(policies: readonly Fields[], facts: Facts) {
  const versioned = policies.map((fields, i) => ({
    ...policySchema.parse({ name: `p${i}`, ...fields }),
    version: 1,
  }));
  return compilePolicies(versioned, SUBJECT).judge({ verb: 'x', text: 'x', facts });
}

const MASK = [{ detect: ['secrets'] }];
const forward = (destination: string): Facts => ({ kind: 'forward', destination });

test.each<[string, readonly Fields[], string, string]>([
  ['nothing is said', [], 'db:5432', 'block'],
  ['a policy names it', [{ forward: ['db:5432'] }], 'db:5432', 'allow'],
  ['a policy names another port', [{ forward: ['db:5432'] }], 'db:22', 'block'],
  ['a glob fits', [{ forward: ['*.internal:*'] }], 'db.internal:5432', 'allow'],
  ['masks apply', [{ forward: ['db:*'], mask: MASK }], 'db:1', 'block'],
  [
    'masks apply, and it may pass',
    [{ forward: ['db:*'], mask: MASK, uninspected: 'allow' }],
    'db:1',
    'allow',
  ],
  [
    'another policy blocks',
    [
      { forward: ['db:*'], uninspected: 'allow' },
      { mask: MASK, uninspected: 'block' },
    ],
    'db:1',
    'block',
  ],
  ['the agent is asked for', [{ forward: ['db:*'] }], 'agent', 'block'],
])('forwarding, when %s', (_, policies, destination, action) => {
  expect(judge(policies, forward(destination)).action).toBe(action);
});

test.each<[string, readonly Fields[], string]>([
  ['no policy looks', [{}], 'allow'],
  ['a policy masks', [{ mask: MASK }], 'block'],
  [
    'a policy judges responses',
    [{ guard: [{ when: { response: { largerThan: '1MiB' } }, do: 'block' }] }],
    'block',
  ],
  ['a policy lets it pass', [{ mask: MASK, uninspected: 'allow' }], 'allow'],
])('what no rule can look into, when %s', (_, policies, action) => {
  const facts: Facts = {
    kind: 'shell',
    commands: ['git-upload-pack'],
    effects: ['read'],
    complete: true,
    uninspected: 'git',
  };
  expect(judge(policies, facts).action).toBe(action);
});

const file = (operation: FileFacts['operation'], paths: readonly string[], complete = true): Facts => ({
  kind: 'sftp',
  operation,
  paths,
  complete,
});

test.each<[unknown, Facts, string]>([
  [{ paths: ['/etc/**'] }, file('read', ['/etc/shadow']), 'block'],
  [{ paths: ['/etc/*'] }, file('read', ['/etc/ssh/key']), 'allow'],
  [{ paths: ['/etc/**'] }, file('read', ['/home/x']), 'allow'],
  [{ paths: ['/etc/**'] }, file('rename', ['/home/x', '/etc/x']), 'block'],
  [{ paths: ['/etc/**'] }, file('read', [], false), 'block'],
  [{ operations: ['write'] }, file('read', ['/x']), 'allow'],
  [{ operations: ['write'], paths: ['/x'] }, file('write', ['/x']), 'block'],
  [{ paths: ['/etc/**'] }, { kind: 'shell', commands: ['cat'], complete: true }, 'allow'],
])('a rule that blocks files %j judges %j: %s', (when, facts, action) => {
  expect(judge([{ guard: [{ when: { sftp: when }, do: 'block' }] }], facts).action).toBe(action);
});

test('an allow rule covers a request only when it covers every path of it', () => {
  const guard = [
    { when: { sftp: { paths: ['/srv/**'] } }, do: 'allow' },
    { when: { sftp: {} }, do: 'block' },
  ];
  expect(judge([{ guard }], file('rename', ['/srv/a', '/srv/b'])).action).toBe('allow');
  expect(judge([{ guard }], file('rename', ['/srv/a', '/etc/b'])).action).toBe('block');
  expect(judge([{ guard }], file('read', [], false)).action).toBe('block');
});

test('lines of a shell that is only recorded are not judged, those of a guarded one are', () => {
  const guard = [{ when: { shell: { commands: ['rm'] } }, do: 'block' }];
  const line: Facts = { kind: 'shell', commands: ['rm'], complete: true, interactive: 'line' };
  expect(judge([{ guard, interactive: 'record' }], line).action).toBe('allow');
  expect(judge([{ guard, interactive: 'lines' }], line).action).toBe('block');
});
