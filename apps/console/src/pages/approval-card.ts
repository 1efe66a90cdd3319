import { append, button, type Child, fill, h } from '../element.ts';
import { durationText, plural } from '../format.ts';
import { badge, code, codeBlock, exactText, facts, field, problem, type Tone, time } from '../parts.ts';
import type { Approval, Me } from '../records.ts';
import { linkTo } from '../route.ts';
import type { Screen } from '../screen.ts';

const LOOKS: Readonly<Record<Approval['state'], readonly [string, Tone]>> = {
  pending: ['waiting', 'wait'],
  approved: ['approved', 'good'],
  redeemed: ['approved and run', 'good'],
  denied: ['denied', 'bad'],
  expired: ['expired', 'quiet'],
  withdrawn: ['withdrawn', 'quiet'],
};

export function stateBadge({ state }: Pick<Approval, 'state'>): HTMLElement {
  return badge(...LOOKS[state]);
}

/** Nothing more happens to it. */
export function isFinal({ state }: Approval): boolean {
  return state !== 'pending' && state !== 'approved';
}

function sentence(approval: Approval): string {
  switch (approval.state) {
    case 'approved':
      return 'Approved. The operation runs as soon as its edge has heard of it.';
    case 'redeemed':
      return 'Approved, and handed to the caller. An approval is used once.';
    case 'denied':
      return 'Denied. The caller was told, with the comment.';
    case 'expired':
      return 'Nobody decided in time. The caller was told and can ask again.';
    case 'withdrawn':
      return 'The caller took it back, or went away.';
    default:
      return '';
  }
}

/** Why the one signed in cannot decide, as far as can be told here; the control plane has the last word. */
function hindrance(approval: Approval, me: Me): string | undefined {
  if (!me.roles.some((role) => role === 'approver' || role === 'admin'))
    return 'Deciding needs the role approver. Ask an administrator to bind one of your groups to it.';
  if (approval.caller.toLowerCase() === me.subject.toLowerCase())
    return 'This is your own operation. Somebody else has to decide.';
  const groups = approval.approverGroups;
  if (groups.length > 0 && !groups.some((group) => me.groups.includes(group)))
    return `Members of ${groups.join(' or ')} decide this; you are in ${me.groups.join(', ') || 'no group'}.`;
  if (approval.decisions.some(({ subject }) => subject.toLowerCase() === me.subject.toLowerCase()))
    return 'You have decided already. It waits for others.';
  return undefined;
}

/** One held operation, and the decision over it. Stays the same element while what it shows changes. */
export class ApprovalCard {
  readonly element = h('article', { class: 'card' });
  readonly #screen: Screen;
  readonly #state = h('div', { class: 'card-state' });
  readonly #left = h('span', { class: 'left' });
  readonly #progress = h('div', { class: 'progress' });
  readonly #verdict = h('div', { class: 'verdict' });
  readonly #comment = h('textarea', {
    name: 'comment',
    rows: 2,
    maxlength: 2_000,
    placeholder: 'The caller reads it',
  });
  readonly #failure = h('div', {});
  #busy = false;
  #approval: Approval;

  constructor(screen: Screen, approval: Approval, heading: 'h1' | 'h2') {
    this.#screen = screen;
    this.#approval = approval;
    this.#draw(heading);
    this.update(approval);
  }

  get approval(): Approval {
    return this.#approval;
  }

  /** Shows a newer state of the same approval. What somebody types in it stays. */
  update(approval: Approval): void {
    const before = this.#approval;
    const isFirst = this.#verdict.childNodes.length === 0;
    this.#approval = approval;
    this.element.dataset.state = approval.state;
    if (isFirst || before.state !== approval.state || before.decisions.length !== approval.decisions.length) {
      fill(this.#state, stateBadge(approval), this.#left);
      fill(this.#progress, this.#decisions());
      this.#drawVerdict();
    }
    this.tick();
  }

  /** Moves the countdown on. */
  tick(): void {
    const { state, expiresAt } = this.#approval;
    const left = Date.parse(expiresAt) - this.#screen.now();
    const text = state !== 'pending' ? '' : left > 0 ? `${durationText(left)} left` : 'time is up';
    if (this.#left.textContent !== text) this.#left.textContent = text;
    this.#left.classList.toggle('urgent', state === 'pending' && left < 60_000);
  }

  #draw(heading: 'h1' | 'h2'): void {
    const it = this.#approval;
    const title = h(heading, {}, exactText(it.caller), ' on ', exactText(it.connection));
    append(
      this.element,
      h('div', { class: 'card-head' }, title, this.#state),
      h('p', { class: 'reason' }, exactText(it.reason), ' ', h('span', { class: 'quiet' }, `(${it.rule})`)),
      codeBlock(it.statement, 'The statement, exactly, with sensitive values masked'),
      it.parameters.length > 0 && this.#parameters(),
      this.#progress,
      this.#verdict,
      h('details', { class: 'more' }, h('summary', {}, 'Caller, policy, session, digest'), this.#facts()),
    );
  }

  #parameters(): HTMLElement {
    return h(
      'dl',
      { class: 'parameters', 'aria-label': 'Parameters' },
      this.#approval.parameters.map((value, index) =>
        h('div', {}, h('dt', {}, `$${index + 1}`), h('dd', {}, h('code', {}, exactText(value)))),
      ),
    );
  }

  #facts(): HTMLElement {
    const it = this.#approval;
    const { roles } = this.#screen.me;
    const policy = `${it.policy}, version ${it.policyVersion}`;
    const canRead = roles.some((role) => role !== 'user');
    return facts([
      ['Caller', exactText(it.caller)],
      ['Caller’s groups', it.callerGroups.join(', ')],
      ['Connection', exactText(it.connection)],
      ['Rule', it.rule],
      [
        'Policy',
        canRead
          ? h('a', { href: linkTo(['policies', it.policy], { version: String(it.policyVersion) }) }, policy)
          : policy,
      ],
      ['Asked', time(it.createdAt)],
      ['Expires', time(it.expiresAt)],
      ['Session', h('a', { href: linkTo(['sessions', it.sessionId]) }, it.sessionId)],
      ['Edge', it.edgeId],
      ['Digest', code(it.digest)],
      ['Approval', h('a', { href: linkTo(['approvals', it.id]) }, it.id)],
    ]);
  }

  #decisions(): Child {
    const { quorum, approverGroups, decisions, state } = this.#approval;
    const yes = decisions.filter(({ decision }) => decision === 'approve').length;
    const by = approverGroups.length > 0 ? `by ${approverGroups.join(', ')}` : 'by any approver';
    return [
      state === 'pending' && h('p', {}, `${yes} of ${plural(quorum, 'approval')} ${by}; one denial ends it.`),
      decisions.length > 0 &&
        h(
          'ul',
          { class: 'decisions' },
          decisions.map(({ subject, decision, comment, at }) =>
            h(
              'li',
              {},
              badge(decision === 'approve' ? 'approved' : 'denied', decision === 'approve' ? 'good' : 'bad'),
              ' ',
              exactText(subject),
              ', ',
              time(at),
              comment !== null && comment !== '' && [': ', h('q', {}, exactText(comment))],
            ),
          ),
        ),
    ];
  }

  #drawVerdict(): void {
    const approval = this.#approval;
    const hinder = approval.state === 'pending' ? hindrance(approval, this.#screen.me) : sentence(approval);
    if (hinder !== undefined) {
      fill(this.#verdict, h('p', { class: 'outcome' }, hinder));
      return;
    }
    const approve = button('Approve', () => this.#decide('approve'), { class: 'primary' });
    const deny = button('Deny', () => this.#decide('deny'), { class: 'danger' });
    const buttons = h('div', { class: 'buttons' }, approve, deny);
    fill(this.#verdict, field('Comment (optional)', this.#comment), buttons, this.#failure);
  }

  #decide(decision: 'approve' | 'deny'): void {
    if (this.#busy) return;
    this.#busy = true;
    this.element.setAttribute('aria-busy', 'true');
    fill(this.#failure);
    const { id, digest } = this.#approval;
    const comment = this.#comment.value.trim();
    // With the digest the decision is good for what is on the screen, and for nothing else.
    this.#screen.api
      .post<Approval>(`/v1/approvals/${id}/${decision}`, { digest, ...(comment === '' ? {} : { comment }) })
      .then((approval) => {
        this.update(approval);
        this.#screen.announce(`${LOOKS[approval.state][0]}: ${approval.caller} on ${approval.connection}`);
      })
      .catch((error: unknown) => fill(this.#failure, problem(error)))
      .finally(() => {
        this.#busy = false;
        this.element.removeAttribute('aria-busy');
      });
  }
}
