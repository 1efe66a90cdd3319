import {
  type Caller,
  type GuardRule,
  type MaskRule,
  type Policy,
  parseDuration,
  parseSize,
  type Statement,
} from '@scrim/model';
import { type Condition, compileCondition } from './condition.ts';
import { HostAccess } from './host-access.ts';
import { type InteractiveRule, interactiveRule } from './interactive.ts';
import { type Action, ALLOW, type Approval, type Verdict, worst } from './verdict.ts';

export type VersionedPolicy = Policy & { readonly version: number };

/** Whom and what the policies are chosen for. */
export interface Subject {
  /** Labels of the connection. */
  readonly labels: Readonly<Record<string, string>>;
  /** Groups of the caller. */
  readonly groups: readonly string[];
  /** Absent = a machine, the stricter. */
  readonly kind?: 'person' | 'machine';
}

/** A mask rule with its name, in the order rules apply: the first that matches a place decides. */
export interface CompiledMask {
  /** `production/mask[0]`. */
  readonly id: string;
  readonly policy: string;
  readonly policyVersion: number;
  readonly rule: MaskRule;
  /** Whether values it tokenised in a caller's own request are given back in the answer. */
  readonly restore: boolean;
}

/** A limit on what a caller sends, in bytes. */
export interface RequestRule {
  readonly verdict: Verdict;
  readonly largerThan: number;
}

/** A limit on what comes back; all conditions present must hold together. Sizes in bytes. */
export interface ResponseRule {
  readonly verdict: Verdict;
  readonly largerThan?: number;
  readonly blobLargerThan?: number;
  /** Detector ids, groups or packs, any of which matches. */
  readonly detect?: readonly string[];
}

/** What a caller may use of a connection; the policy's name stands in `rule`. */
export interface LimitRule {
  readonly kind: 'requestsPerMinute' | 'tokensPerMinute' | 'tokensPerDay';
  readonly amount: number;
  readonly rule: string;
}

/** What is kept of response content. */
export interface RecordRule {
  readonly content: 'masked' | 'none';
  /** Public keys the originals are sealed to. */
  readonly sealed: readonly string[];
  /** Bytes of content kept per operation. */
  readonly maxContent: number;
}

/** All policies of one caller on one connection, ready to judge. Pure: the same input gives the same verdict. */
export interface CompiledPolicy {
  readonly policies: readonly { readonly name: string; readonly version: number }[];
  readonly masks: readonly CompiledMask[];
  /** What is done with values computed from masked columns: block when any policy says so. */
  readonly derived: 'mask' | 'block';
  /** The worst verdict any policy gives on conditions that test masked columns. */
  readonly predicates: Verdict;
  /** What is done with content no rule can look into: block, unless a policy says allow and none says block. */
  readonly uninspected: 'block' | 'allow';
  /** Whether a guard looks at headers, bodies, models or tools, or may hold an operation. */
  readonly wholeOperations: boolean;
  readonly request: readonly RequestRule[];
  readonly response: readonly ResponseRule[];
  /** Every one must hold. */
  readonly limits: readonly LimitRule[];
  readonly record: RecordRule;
  /** What a shell somebody types into is to this kind of caller. */
  interactive(kind: Caller['kind']): InteractiveRule;
  /** What the guards say to an operation. */
  judge(statement: Statement): Verdict;
  /** What the guards say to `bytes` sent by the caller in one operation. */
  judgeRequest(bytes: number): Verdict;
}

interface CompiledGuard {
  readonly condition: Condition;
  readonly verdict: Verdict;
}

/**
 * Picks the policies that match the subject and compiles them. A policy matches when the connection has all of its
 * labels and the caller is in at least one of its groups; what a policy leaves out matches everything.
 *
 * Within one policy an `allow` guard that covers everything the operation can cause ends the list: later rules are
 * not asked. Of the other rules that match, the worst counts, whatever their order; so does the worst policy.
 */
export function compilePolicies(policies: readonly VersionedPolicy[], subject: Subject): CompiledPolicy {
  const chosen = policies.filter((policy) => matches(policy, subject));
  const guards = chosen.map(operationGuards);
  const request = chosen.flatMap(requestRules);
  const access = new HostAccess(chosen, subject.kind ?? 'machine', uninspected(chosen), verdictOf);
  return {
    policies: chosen.map(({ name, version }) => ({ name, version })),
    masks: chosen.flatMap(maskRules),
    derived: chosen.some((policy) => policy.derived === 'block') ? 'block' : 'mask',
    predicates: worst(chosen.map((policy) => verdictOf(policy, 'predicates', policy.predicates))),
    uninspected: uninspected(chosen),
    wholeOperations: chosen.some((policy) => policy.guard.some(readsWhole)),
    request,
    response: chosen.flatMap(responseRules),
    limits: chosen.flatMap(limitRules),
    record: recordRule(chosen),
    interactive: (kind) => interactiveRule(chosen, kind, verdictOf),
    judge: (statement) =>
      access.only(statement.facts)
        ? worst(access.judge(statement.facts))
        : worst([...guards.map((list) => judgeList(list, statement)), ...access.judge(statement.facts)]),
    judgeRequest: (bytes) =>
      worst(request.filter((rule) => bytes > rule.largerThan).map((rule) => rule.verdict)),
  };
}

/** Whether a policy applies to a caller's groups on a connection with these labels. */
export function matches(policy: Pick<Policy, 'match'>, subject: Subject): boolean {
  const { labels, groups } = policy.match;
  return (
    matchesLabels(labels, subject.labels) &&
    (!groups || groups.some((group) => subject.groups.includes(group)))
  );
}

export function matchesLabels(
  wanted: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted ?? {}).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  );
}

function uninspected(policies: readonly Policy[]): 'block' | 'allow' {
  const said = policies.map((policy) => policy.uninspected);
  return said.includes('allow') && !said.includes('block') ? 'allow' : 'block';
}

/** Whether the rule can only be judged, or its hold only be bound to, an operation that is there as a whole. */
function readsWhole({ when, do: action }: GuardRule): boolean {
  if ('response' in when) return false;
  if (action === 'hold') return true;
  return (
    'http' in when && [when.http.headers, when.http.body, when.http.models, when.http.tools].some(Boolean)
  );
}

function judgeList(guards: readonly CompiledGuard[], statement: Statement): Verdict {
  const found: Verdict[] = [];
  for (const { condition, verdict } of guards) {
    if (verdict.action === 'allow') {
      if (!condition.covers(statement.facts)) continue;
      found.push(verdict);
      break;
    }
    if (condition.touches(statement.facts)) found.push(verdict);
  }
  return worst(found);
}

function operationGuards(policy: VersionedPolicy): CompiledGuard[] {
  return policy.guard.flatMap((rule, index) => {
    const condition = compileCondition(rule.when);
    return condition ? [{ condition, verdict: guardVerdict(policy, rule, index) }] : [];
  });
}

function guardVerdict(policy: VersionedPolicy, rule: GuardRule, index: number): Verdict {
  return verdictOf(policy, `guard[${index}]`, rule.do, rule.reason);
}

function verdictOf(policy: VersionedPolicy, part: string, action: Action, reason?: string): Verdict {
  const named = {
    rule: `${policy.name}/${part}`,
    policy: policy.name,
    policyVersion: policy.version,
    ...(reason !== undefined && { reason }),
  };
  if (action !== 'hold') return part === 'predicates' && action === 'allow' ? ALLOW : { action, ...named };
  const approve = approvalOf(policy);
  // Held for nobody would wait for ever; a policy like that is refused when written, and blocked if it still arrives.
  return approve
    ? { action, ...named, approve }
    : { action: 'block', ...named, reason: reason ?? 'no approver is named' };
}

function approvalOf(policy: Policy): Approval | undefined {
  const { approve } = policy;
  const expiresMs = approve && parseDuration(approve.expires);
  return approve && expiresMs !== undefined
    ? { by: approve.by, quorum: approve.quorum, expiresMs }
    : undefined;
}

function maskRules(policy: VersionedPolicy): CompiledMask[] {
  const named = { policy: policy.name, policyVersion: policy.version, restore: policy.restore === true };
  return policy.mask.map((rule, index) => ({ id: `${policy.name}/mask[${index}]`, ...named, rule }));
}

const LIMITS = ['requestsPerMinute', 'tokensPerMinute', 'tokensPerDay'] as const;

function limitRules(policy: VersionedPolicy): LimitRule[] {
  return LIMITS.flatMap((kind) => {
    const amount = policy.limits?.[kind];
    return amount === undefined ? [] : [{ kind, amount, rule: `${policy.name}/limits.${kind}` }];
  });
}

/** Bytes of a size the schema has accepted; a size that cannot be read limits to nothing, which fails closed. */
function bytesOf(size: string): number {
  return parseSize(size) ?? 0;
}

function requestRules(policy: VersionedPolicy): RequestRule[] {
  return policy.guard.flatMap((rule, index) => {
    if (!('request' in rule.when)) return [];
    return [
      { verdict: guardVerdict(policy, rule, index), largerThan: bytesOf(rule.when.request.largerThan) },
    ];
  });
}

function responseRules(policy: VersionedPolicy): ResponseRule[] {
  return policy.guard.flatMap((rule, index) => {
    if (!('response' in rule.when)) return [];
    const { largerThan, blobLargerThan, detect } = rule.when.response;
    return [
      {
        verdict: guardVerdict(policy, rule, index),
        ...(largerThan !== undefined && { largerThan: bytesOf(largerThan) }),
        ...(blobLargerThan !== undefined && { blobLargerThan: bytesOf(blobLargerThan) }),
        ...(detect && { detect }),
      },
    ];
  });
}

/** Content is kept only when every policy lets it be, at most as much as the smallest bound. */
function recordRule(policies: readonly Policy[]): RecordRule {
  const contents = policies.map((policy) => policy.record.content);
  const sealed = contents.flatMap((content) => (typeof content === 'object' ? [content.sealed] : []));
  const none = contents.includes('none');
  const bounds = policies.map((policy) => bytesOf(policy.record.maxContent));
  return {
    content: none ? 'none' : 'masked',
    sealed: none ? [] : [...new Set(sealed)],
    maxContent: bounds.length > 0 ? Math.min(...bounds) : DEFAULT_CONTENT,
  };
}

/** The schema's own default, for a caller no policy matches. */
const DEFAULT_CONTENT = 1_048_576;
