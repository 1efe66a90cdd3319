import type { Caller, Facts } from '@scrim/model';
import type { VersionedPolicy } from './compile.ts';
import { Glob } from './glob.ts';
import { type InteractiveRule, interactiveRule, type VerdictOf } from './interactive.ts';
import type { Action, Verdict } from './verdict.ts';

/** What policies say of ways into and through a host: shells, content nobody can look into, forwarded connections. */
export class HostAccess {
  readonly #policies: readonly VersionedPolicy[];
  readonly #verdictOf: VerdictOf;
  readonly #destinations: readonly Glob[];
  readonly #opaque: Verdict | undefined;
  readonly #shell: InteractiveRule;

  constructor(
    policies: readonly VersionedPolicy[],
    kind: Caller['kind'],
    uninspected: 'block' | 'allow',
    verdictOf: VerdictOf,
  ) {
    this.#policies = policies;
    this.#verdictOf = verdictOf;
    this.#destinations = policies.flatMap(({ forward = [] }) => forward.map((it) => new Glob(it)));
    const looks = policies.some(
      (it) => it.mask.length > 0 || it.guard.some(({ when }) => 'response' in when),
    );
    this.#opaque = looks && uninspected === 'block' ? this.#named('uninspected', 'block') : undefined;
    this.#shell = interactiveRule(policies, kind, verdictOf);
  }

  /**
   * What guards on commands are not asked about: the opening of a shell, which runs none, and the lines of one that is
   * only recorded, because its policy says that it is opened whole.
   */
  only(facts: Facts): boolean {
    if (facts.kind !== 'shell') return false;
    return facts.interactive === 'open' || (facts.interactive === 'line' && !this.#shell.lines);
  }

  judge(facts: Facts): Verdict[] {
    const found: Verdict[] = [];
    if (facts.kind === 'shell' && facts.interactive === 'open') found.push(this.#shell.verdict);
    if (facts.kind === 'forward') found.push(...this.#forward(facts.destination));
    if ('uninspected' in facts && facts.uninspected !== undefined && this.#opaque) {
      const reason = `no rule can look into ${facts.uninspected}; an administrator can set uninspected: allow in a policy`;
      found.push({ ...this.#opaque, reason });
    }
    return found;
  }

  #forward(destination: string): Verdict[] {
    if (!this.#destinations.some((glob) => glob.matches(destination))) {
      const reason = `forwarding to ${destination.slice(0, 200)} is not opened by a policy`;
      return [{ ...this.#named('forward', 'block'), reason }];
    }
    const reason = 'no rule can look into a forwarded connection; a policy must also say uninspected: allow';
    return this.#opaque ? [{ ...this.#opaque, reason }] : [];
  }

  /** Named after the first policy: it is what is missing from all of them. */
  #named(part: string, action: Action): Verdict {
    const [policy] = this.#policies;
    return policy ? this.#verdictOf(policy, part, action) : { action, rule: `default/${part}` };
  }
}
