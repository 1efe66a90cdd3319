import { expect, test } from '@jest/globals';
import { type Policy, policySchema } from '@scrim/model';
import { checkPolicies, checkPolicy, type PolicyContext } from './index.ts';

const FULL = ['column', 'field', 'detect', 'pattern'];
const CONTEXT: PolicyContext = {
  connections: [
    { name: 'shop', protocol: 'postgres', labels: { env: 'prod' } },
    { name: 'web', protocol: 'ssh', labels: { env: 'dev' } },
  ],
  capabilities: {
    postgres: {
      masks: FULL,
      guards: ['sql', 'request', 'response'],
      response: ['blobLargerThan', 'largerThan'],
      hold: true,
      predicates: true,
    },
    ssh: {
      masks: ['detect', 'pattern'],
      guards: ['shell', 'request', 'response'],
      response: ['largerThan', 'detect'],
      hold: false,
      predicates: false,
    },
  },
  statements: ['drop_table', 'truncate', 'delete'],
  detectors: ['secrets', 'secrets.aws', 'pii.email'],
  resolveDetectors: (names) => {
    if (names.some((name) => !['secrets', 'secrets.aws', 'pii.email'].includes(name)))
      throw new Error('unknown');
  },
  checkPattern: (regex) => {
    if (regex.includes('(?=')) throw new Error('look-around');
  },
};

function policy(fields: Partial<Record<keyof Policy, unknown>>): Policy {
  return policySchema.parse({ name: 'p', match: { labels: { env: 'prod' } }, ...fields });
}

function found(fields: Partial<Record<keyof Policy, unknown>>, context = CONTEXT): string[] {
  return checkPolicy(policy(fields), context).map(
    (one) => `${one.severity ?? 'error'} ${one.path.join('.')}: ${one.message}; ${one.mend}`,
  );
}

const guard = (when: unknown, what = 'block') => ({ guard: [{ when, do: what }], approve: { by: ['dba'] } });
const ONLY_POSTGRES = { ...CONTEXT, connections: CONTEXT.connections.slice(0, 1) };

test.each<[string, Partial<Record<keyof Policy, unknown>>, string[]]>([
  ['a column rule', { mask: [{ column: 'customers.ssn' }, { column: 'public.*.ssn' }] }, []],
  [
    'a column without its table',
    { mask: [{ column: 'ssn' }] },
    [
      'error mask.0.column: "ssn" does not say which table; write table.column or schema.table.column; * stands for any',
    ],
  ],
  [
    'an unknown detector',
    { mask: [{ detect: ['secrets', 'pii.emial'] }] },
    ['error mask.0.detect.1: "pii.emial" is no detector; did you mean pii.email?'],
  ],
  [
    'an unsafe regex',
    { mask: [{ pattern: { name: 'x', regex: 'a(?=b)' } }] },
    [
      'error mask.0.pattern.regex: the regex of "x" is not safe (look-around); write it without back-references, look-around and nested repetition',
    ],
  ],
  [
    'two patterns of one name',
    { mask: [{ pattern: { name: 'x', regex: 'a' } }, { pattern: { name: 'x', regex: 'b' } }] },
    ['error mask.1.pattern.name: the pattern name "x" is used twice; rename one of them'],
  ],
  [
    'an unknown statement',
    guard({ sql: { statements: ['drop_tabel'] } }),
    ['error guard.0.when.sql.statements.0: "drop_tabel" is no statement; did you mean drop_table?'],
  ],
  [
    'a hold without approvers',
    { guard: [{ when: { sql: {} }, do: 'hold' }] },
    ['error guard.0.do: nobody can release what this rule holds; add approve: { by: [group] } to the policy'],
  ],
  [
    'a predicate hold without approvers',
    { predicates: 'hold' },
    ['error predicates: nobody can release what this rule holds; add approve: { by: [group] } to the policy'],
  ],
  [
    'a rule only other connections could honour is a warning',
    guard({ shell: { commands: ['rm'] } }),
    [
      'warning guard.0: shell rules cannot fire on postgres, which is all the policy matches; match a connection that has shell, or remove the rule',
    ],
  ],
  [
    'a hold where the protocol cannot hold',
    { match: {}, ...guard({ shell: { commands: ['rm'] } }, 'hold') },
    ['error guard.0.do: ssh cannot hold an operation for approval; use block, or match other connections'],
  ],
  [
    'a content rule must fire on every matching connection',
    { match: {}, ...guard({ response: { detect: ['secrets'] } }) },
    [
      'error guard.0.when.response.detect: detect rules cannot fire on postgres, which the policy matches; match other connections by labels, or remove the rule',
    ],
  ],
  [
    'an empty response condition',
    guard({ response: {} }),
    ['error guard.0.when.response: the condition is empty; add largerThan, blobLargerThan or detect'],
  ],
  ['a request limit', guard({ request: { largerThan: '1MiB' } }), []],
  ['predicates', { predicates: 'block' }, []],
  [
    'predicates where none are seen',
    { match: { labels: { env: 'dev' } }, predicates: 'block' },
    ['error predicates: no predicates are seen on ssh; leave predicates out, or match other connections'],
  ],
])('%s', (_, fields, expected) => {
  expect(found(fields)).toEqual(expected);
});

test('a rule no connection can honour is refused', () => {
  expect(found(guard({ shell: { commands: ['rm'] } }), ONLY_POSTGRES)).toEqual([
    'error guard.0: shell rules cannot fire on postgres; remove it, or add a connection that has shell',
  ]);
  expect(found({ mask: [{ header: 'x' }] }, ONLY_POSTGRES)).toEqual([
    'error mask.0: header rules cannot fire on postgres; remove it, or add a connection that has header',
  ]);
});

test('without connections every known protocol counts', () => {
  expect(found(guard({ shell: { commands: ['rm'] } }), { ...CONTEXT, connections: [] })).toEqual([]);
  expect(found(guard({ http: {} }), { ...CONTEXT, connections: [] })).toHaveLength(1);
});

const REVERSIBLE = {
  mask: [{ detect: ['secrets'] }, { column: 'a.b', with: { tokenise: { reversible: true } } }],
};

test('reversible tokens need a vault, and should have somebody who may have them opened', () => {
  expect(found(REVERSIBLE, { ...CONTEXT, vault: false })).toEqual([
    'error mask.1.with.tokenise.reversible: there is no token vault that could reverse it; write with: tokenise, ' +
      'or have the control plane keep them (SCRIM_TOKEN_VAULT=on)',
  ]);
  expect(found({ ...REVERSIBLE, detokenise: ['support'] }, { ...CONTEXT, vault: true })).toEqual([]);
  expect(found(REVERSIBLE)).toEqual([
    'warning mask.1.with.tokenise.reversible: values are kept that nobody may have back; name groups under ' +
      'detokenise, or leave reversible out',
  ]);
  const oneWay = { mask: [{ column: 'a.b', with: 'tokenise' }], detokenise: ['support'] };
  expect(found(oneWay)).toEqual([expect.stringContaining('warning detokenise: no rule of the policy makes')]);
  expect(found({ mask: oneWay.mask }, { ...CONTEXT, vault: false })).toEqual([]);
});

test('a document is checked as a whole, with paths from its root', () => {
  const policies = [policy({}), policy({ mask: [{ detect: ['nope'] }] })];
  expect(checkPolicies(policies, CONTEXT).map((one) => one.path.join('.'))).toEqual([
    'policies.1.mask.0.detect.0',
    'policies.1.name',
  ]);
});

test.each<[string, Partial<Record<keyof Policy, unknown>>, string[]]>([
  ['refused', { match: { labels: { env: 'dev' } }, interactive: 'refuse' }, []],
  [
    'held for nobody',
    { match: { labels: { env: 'dev' } }, interactive: 'hold' },
    [
      'error interactive: nobody can release what this rule holds; add approve: { by: [group] } to the policy',
    ],
  ],
  [
    'recorded beside guards it passes by',
    { match: { labels: { env: 'dev' } }, interactive: 'record', ...guard({ shell: { commands: ['rm'] } }) },
    [
      'warning interactive: shell guards do not see what is typed into a shell that is only recorded; use lines or refuse, or mean it',
    ],
  ],
  [
    'lines without a guard',
    { match: { labels: { env: 'dev' } }, interactive: 'lines' },
    [
      'warning interactive: lines are judged by shell guards, and this policy has none; add one, or leave them to another policy',
    ],
  ],
  [
    'on connections without shells',
    { interactive: 'refuse' },
    [
      'warning interactive: shell rules cannot fire on postgres, which is all the policy matches; match a connection that has shell, or remove the rule',
    ],
  ],
  [
    'an empty condition',
    { match: { labels: { env: 'dev' } }, ...guard({ shell: {} }) },
    ['error guard.0.when.shell: the condition is empty; add commands or effects'],
  ],
])('an interactive shell %s', (_, fields, expected) => {
  expect(found(fields)).toEqual(expected);
});

test('limits on tokens and values that come back need a connection to models, and something tokenised', () => {
  const { ssh, ...others } = CONTEXT.capabilities;
  const http = { ...ssh!, masks: ['field', 'detect'], models: true };
  const context: PolicyContext = {
    ...CONTEXT,
    connections: [...CONTEXT.connections, { name: 'ai', protocol: 'http', labels: { kind: 'model' } }],
    capabilities: { ...others, ssh: ssh!, http },
  };
  const limits = { requestsPerMinute: 1, tokensPerDay: 5 };
  const mask = [{ detect: ['secrets'], with: 'tokenise' }];
  const match = { labels: { kind: 'model' } };
  expect(found({ match, limits, restore: true, mask }, context)).toEqual([]);
  expect(found({ match, restore: true, mask: [{ detect: ['secrets'] }] }, context)).toEqual([
    expect.stringContaining('error restore: nothing is tokenised by content'),
  ]);
  expect(found({ limits, restore: true, mask }, context)).toEqual([
    expect.stringContaining('error restore: no model answers on postgres'),
    expect.stringContaining('error limits.tokensPerDay: no model answers on postgres'),
  ]);
  expect(found({ limits: { requestsPerMinute: 1 } })).toEqual([]);
});
