import {
  type Finding,
  type GuardRule,
  type MaskRule,
  nearest,
  type Policy,
  type ProblemPath,
} from '@scrim/model';
import { BodyPattern } from './body-pattern.ts';
import { matchesLabels } from './compile.ts';

/** Which rules can fire on a protocol; structurally the protocol kit's `Capabilities`. */
export interface ProtocolCapabilities {
  readonly masks: readonly string[];
  readonly guards: readonly string[];
  readonly response: readonly string[];
  readonly hold: boolean;
  readonly predicates: boolean;
  readonly models?: boolean;
  readonly opaque?: boolean;
}

/** What a policy is checked against. Functions that need an engine are passed in, so that checking stays pure. */
export interface PolicyContext {
  /** Every registered connection, whether the policy matches it or not. */
  readonly connections: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly capabilities: Readonly<Record<string, ProtocolCapabilities>>;
  /** Names `statements` may list. */
  readonly statements: readonly string[];
  /** Names of detectors, groups and packs, for suggestions. */
  readonly detectors: readonly string[];
  /** Throws when a name is no detector, group or pack. */
  readonly resolveDetectors: (names: readonly string[]) => unknown;
  /** Throws when the regex cannot be guaranteed to run in linear time. */
  readonly checkPattern: (regex: string) => unknown;
  /** False where nobody keeps what reversible tokens stand for. */
  readonly vault?: boolean;
}

interface Checking {
  readonly policy: Policy;
  readonly context: PolicyContext;
  /** Protocols of the connections the policy matches now. */
  readonly matched: readonly string[];
  /** Protocols of every registered connection; of every known protocol when none is registered. */
  readonly registered: readonly string[];
}

/**
 * What must be mended before the policy may be written (DESIGN rule 4.2): rules that cannot fire, names nobody knows,
 * regexes that could run away, holds nobody can release. Warnings do not refuse it. Paths start at the policy.
 */
export function checkPolicy(policy: Policy, context: PolicyContext): Finding[] {
  const all = context.connections.map((connection) => connection.protocol);
  const matched = context.connections
    .filter((connection) => matchesLabels(policy.match.labels, connection.labels))
    .map((connection) => connection.protocol);
  const registered = all.length > 0 ? all : Object.keys(context.capabilities);
  const checking = { policy, context, matched: [...new Set(matched)], registered: [...new Set(registered)] };
  return [
    ...policy.mask.flatMap((rule, index) => maskFindings(rule, ['mask', index], checking)),
    ...duplicatePatterns(policy),
    ...policy.guard.flatMap((rule, index) => guardFindings(rule, ['guard', index], checking)),
    ...predicateFindings(checking),
    ...interactiveFindings(checking),
    ...forwardFindings(checking),
    ...vaultFindings(policy, context),
    ...modelFindings(checking),
    ...uninspectedFindings(checking),
  ];
}

/** {@link checkPolicy} over all policies of a document, with paths from its root, and names used twice. */
export function checkPolicies(policies: readonly Policy[], context: PolicyContext): Finding[] {
  const seen = new Set<string>();
  return policies.flatMap((policy, index) => {
    const found = checkPolicy(policy, context).map((one) => ({
      ...one,
      path: ['policies', index, ...one.path],
    }));
    if (seen.has(policy.name)) {
      const path = ['policies', index, 'name'];
      found.push({
        path,
        message: `the name "${policy.name}" is used twice`,
        mend: 'give each policy its own name',
      });
    }
    seen.add(policy.name);
    return found;
  });
}

function maskFindings(rule: MaskRule, path: ProblemPath, checking: Checking): Finding[] {
  if ('column' in rule) {
    return [...columnFindings(rule.column, path), ...fires('masks', 'column', path, checking)];
  }
  if ('field' in rule) return fires('masks', 'field', path, checking);
  if ('header' in rule) return fires('masks', 'header', path, checking);
  if ('detect' in rule) {
    return [
      ...detectorFindings(rule.detect, [...path, 'detect'], checking.context),
      ...firesEverywhere('masks', 'detect', path, checking),
    ];
  }
  return [
    ...patternFindings(rule, path, checking.context),
    ...firesEverywhere('masks', 'pattern', path, checking),
  ];
}

function columnFindings(column: string, path: ProblemPath): Finding[] {
  const parts = column.split('.');
  if ((parts.length === 2 || parts.length === 3) && parts.every((part) => part !== '')) return [];
  const message = `"${column}" does not say which table`;
  return [
    {
      path: [...path, 'column'],
      message,
      mend: 'write table.column or schema.table.column; * stands for any',
    },
  ];
}

function detectorFindings(names: readonly string[], path: ProblemPath, context: PolicyContext): Finding[] {
  return names.flatMap((name, index) => {
    if (!throws(() => context.resolveDetectors([name]))) return [];
    const near = nearest(name, context.detectors);
    const mend = near === undefined ? 'list them with scrim detectors' : `did you mean ${near}?`;
    return [{ path: [...path, index], message: `"${name}" is no detector`, mend }];
  });
}

type PatternRule = Extract<MaskRule, { pattern: unknown }>;

function patternFindings(rule: PatternRule, path: ProblemPath, context: PolicyContext): Finding[] {
  const why = thrown(() => context.checkPattern(rule.pattern.regex));
  if (why === undefined) return [];
  const message = `the regex of "${rule.pattern.name}" is not safe (${why})`;
  const mend = 'write it without back-references, look-around and nested repetition';
  return [{ path: [...path, 'pattern', 'regex'], message, mend }];
}

function duplicatePatterns(policy: Policy): Finding[] {
  const seen = new Set<string>();
  return policy.mask.flatMap((rule, index) => {
    if (!('pattern' in rule)) return [];
    const { name } = rule.pattern;
    const again = seen.has(name);
    seen.add(name);
    const path = ['mask', index, 'pattern', 'name'];
    return again
      ? [{ path, message: `the pattern name "${name}" is used twice`, mend: 'rename one of them' }]
      : [];
  });
}

function guardFindings(rule: GuardRule, path: ProblemPath, checking: Checking): Finding[] {
  const { when } = rule;
  const kind = Object.keys(when)[0] ?? '';
  const found = holdFindings(rule, kind, path, checking);
  if ('http' in when) found.push(...bodyFindings(when.http, path));
  if ('shell' in when && Object.keys(when.shell).length === 0) {
    const at = [...path, 'when', 'shell'];
    found.push({ path: at, message: 'the condition is empty', mend: 'add commands or effects' });
  }
  if ('sql' in when) found.push(...statementFindings(when.sql.statements ?? [], path, checking.context));
  if ('request' in when) found.push(...firesEverywhere('guards', 'request', path, checking));
  else if ('response' in when) found.push(...responseFindings(when.response, path, checking));
  else found.push(...fires('guards', kind, path, checking));
  return found;
}

function statementFindings(names: readonly string[], path: ProblemPath, context: PolicyContext): Finding[] {
  const known = new Set(context.statements);
  return names.flatMap((name, index) => {
    if (known.has(name)) return [];
    const near = nearest(name, known);
    const mend =
      near === undefined
        ? "use PostgreSQL's command tags in lower case with underscores, such as drop_table"
        : `did you mean ${near}?`;
    return [
      { path: [...path, 'when', 'sql', 'statements', index], message: `"${name}" is no statement`, mend },
    ];
  });
}

type ResponseCondition = Extract<GuardRule['when'], { response: unknown }>['response'];

function responseFindings(response: ResponseCondition, path: ProblemPath, checking: Checking): Finding[] {
  const parts = Object.keys(response);
  const at = [...path, 'when', 'response'];
  if (parts.length === 0) {
    return [
      { path: at, message: 'the condition is empty', mend: 'add largerThan, blobLargerThan or detect' },
    ];
  }
  return [
    ...firesEverywhere('guards', 'response', path, checking),
    ...parts.flatMap((part) => firesEverywhere('response', part, [...at, part], checking)),
    ...detectorFindings(response.detect ?? [], [...at, 'detect'], checking.context),
  ];
}

function holdFindings(rule: GuardRule, kind: string, path: ProblemPath, checking: Checking): Finding[] {
  if (rule.do !== 'hold') return [];
  const found: Finding[] = [];
  if (!checking.policy.approve) {
    const mend = 'add approve: { by: [group] } to the policy';
    found.push({ path: [...path, 'do'], message: 'nobody can release what this rule holds', mend });
  }
  const cannot = checking.matched.filter((protocol) => {
    const capabilities = checking.context.capabilities[protocol];
    return capabilities?.guards.includes(kind) && !capabilities.hold;
  });
  if (cannot.length > 0) {
    const message = `${cannot.join(' and ')} cannot hold an operation for approval`;
    found.push({ path: [...path, 'do'], message, mend: 'use block, or match other connections' });
  }
  return found;
}

function predicateFindings({ policy, matched, registered, context }: Checking): Finding[] {
  if (policy.predicates === 'allow') return [];
  const found: Finding[] = [];
  if (policy.predicates === 'hold' && !policy.approve) {
    const mend = 'add approve: { by: [group] } to the policy';
    found.push({ path: ['predicates'], message: 'nobody can release what this rule holds', mend });
  }
  const protocols = matched.length > 0 ? matched : registered;
  if (!protocols.some((protocol) => context.capabilities[protocol]?.predicates)) {
    const message = `no predicates are seen on ${protocols.join(', ')}`;
    found.push({ path: ['predicates'], message, mend: 'leave predicates out, or match other connections' });
  }
  return found;
}

/** A shell that is only recorded passes the guards by: whoever writes both should know. */
function interactiveFindings(checking: Checking): Finding[] {
  const { interactive, approve, guard } = checking.policy;
  if (interactive === undefined) return [];
  const path = ['interactive'];
  const found = fires('guards', 'shell', path, checking);
  if (interactive === 'hold' && !approve) {
    const mend = 'add approve: { by: [group] } to the policy';
    found.push({ path, message: 'nobody can release what this rule holds', mend });
  }
  if ((interactive === 'record' || interactive === 'hold') && guard.some(({ when }) => 'shell' in when)) {
    const message = 'shell guards do not see what is typed into a shell that is only recorded';
    found.push({ path, message, mend: 'use lines or refuse, or mean it', severity: 'warning' });
  }
  if (interactive === 'lines' && !guard.some(({ when }) => 'shell' in when)) {
    const message = 'lines are judged by shell guards, and this policy has none';
    found.push({ path, message, mend: 'add one, or leave them to another policy', severity: 'warning' });
  }
  return found;
}

/** Only SSH has connections to somewhere else in it. */
function forwardFindings(checking: Checking): Finding[] {
  return checking.policy.forward === undefined ? [] : fires('guards', 'shell', ['forward'], checking);
}

function isReversible({ with: operator }: MaskRule): boolean {
  return typeof operator === 'object' && 'tokenise' in operator && operator.tokenise.reversible === true;
}

function vaultFindings(policy: Policy, context: PolicyContext): Finding[] {
  const reversible = policy.mask.flatMap((rule, index) => (isReversible(rule) ? [index] : []));
  if (context.vault === false) {
    const mend = 'write with: tokenise, or have the control plane keep them (SCRIM_TOKEN_VAULT=on)';
    return reversible.map((index) => ({
      path: ['mask', index, 'with', 'tokenise', 'reversible'],
      message: 'there is no token vault that could reverse it',
      mend,
    }));
  }
  const [first] = reversible;
  if (first !== undefined && policy.detokenise === undefined) {
    const path = ['mask', first, 'with', 'tokenise', 'reversible'];
    const message = 'values are kept that nobody may have back';
    return [
      { path, message, mend: 'name groups under detokenise, or leave reversible out', severity: 'warning' },
    ];
  }
  if (first === undefined && policy.detokenise !== undefined) {
    const message = 'no rule of the policy makes reversible tokens';
    const mend = 'add with: { tokenise: { reversible: true } } to a mask rule, or remove it';
    return [{ path: ['detokenise'], message, mend, severity: 'warning' }];
  }
  return [];
}

/** What only the answers of models have: tokens to count, and prompts that were tokenised on their way up. */
function modelFindings({ policy, matched, registered, context }: Checking): Finding[] {
  const { restore, limits } = policy;
  const found: Finding[] = [];
  const tokenises = policy.mask.some(
    (rule) => ('detect' in rule || 'pattern' in rule) && isTokenise(rule.with),
  );
  if (restore && !tokenises) {
    const message = 'nothing is tokenised by content, so there is nothing to give back';
    found.push({
      path: ['restore'],
      message,
      mend: 'add a detect or pattern rule `with: tokenise`, or leave restore out',
    });
  }
  const protocols = matched.length > 0 ? matched : registered;
  if (protocols.some((protocol) => context.capabilities[protocol]?.models)) return found;
  for (const path of [['restore'], ['limits', 'tokensPerMinute'], ['limits', 'tokensPerDay']]) {
    const set = path[0] === 'restore' ? restore : limits?.[path[1] as 'tokensPerDay'];
    if (!set) continue;
    const message = `no model answers on ${protocols.join(', ')}`;
    found.push({ path, message, mend: `leave ${path.join('.')} out, or match connections to models` });
  }
  return found;
}

function isTokenise(operator: MaskRule['with']): boolean {
  return operator === 'tokenise' || (typeof operator === 'object' && 'tokenise' in operator);
}

function bodyFindings({ body }: { readonly body?: object | undefined }, path: ProblemPath): Finding[] {
  return Object.keys(body ?? {}).flatMap((place) => {
    const why = thrown(() => new BodyPattern(place));
    if (why === undefined) return [];
    const mend = 'write a key, or a JSON path such as $.query.limit or $..role';
    return [{ path: [...path, 'when', 'http', 'body', place], message: why, mend }];
  });
}

function uninspectedFindings({ policy, matched, registered, context }: Checking): Finding[] {
  if (policy.uninspected === undefined) return [];
  const protocols = matched.length > 0 ? matched : registered;
  if (protocols.some((protocol) => context.capabilities[protocol]?.opaque)) return [];
  const message = `everything is looked into on ${protocols.join(', ')}`;
  return [{ path: ['uninspected'], message, mend: 'leave uninspected out, or match other connections' }];
}

type Part = 'masks' | 'guards' | 'response';

function can(protocol: string, part: Part, kind: string, context: PolicyContext): boolean {
  return context.capabilities[protocol]?.[part].includes(kind) ?? false;
}

/**
 * A rule about one kind of thing (columns, shell lines) must be able to fire on some connection. When only
 * connections the policy does not match could honour it, that is a warning: the rule guards nothing today.
 */
function fires(
  part: Part,
  kind: string,
  path: ProblemPath,
  { matched, registered, context }: Checking,
): Finding[] {
  if (matched.some((protocol) => can(protocol, part, kind, context))) return [];
  const elsewhere = registered.some((protocol) => can(protocol, part, kind, context));
  if (elsewhere && matched.length === 0) return [];
  const protocols = matched.length > 0 ? matched : registered;
  const message = `${kind} rules cannot fire on ${protocols.join(', ')}`;
  if (!elsewhere) return [{ path, message, mend: `remove it, or add a connection that has ${kind}` }];
  const mend = `match a connection that has ${kind}, or remove the rule`;
  return [{ path, message: `${message}, which is all the policy matches`, mend, severity: 'warning' }];
}

/** A rule about everything (content, sizes) must be able to fire on every connection the policy matches. */
function firesEverywhere(part: Part, kind: string, path: ProblemPath, checking: Checking): Finding[] {
  const { matched, registered, context } = checking;
  const protocols = matched.length > 0 ? matched : registered;
  const cannot = protocols.filter((protocol) => !can(protocol, part, kind, context));
  if (cannot.length === 0) return [];
  const message = `${kind} rules cannot fire on ${cannot.join(', ')}, which the policy matches`;
  return [{ path, message, mend: 'match other connections by labels, or remove the rule' }];
}

function throws(action: () => unknown): boolean {
  return thrown(action) !== undefined;
}

function thrown(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
