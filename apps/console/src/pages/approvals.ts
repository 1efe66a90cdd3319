import { append, fill, h } from '../element.ts';
import { plural, shortText } from '../format.ts';
import { code, empty, exactText, table, time, wide } from '../parts.ts';
import type { Approval, Page as List } from '../records.ts';
import { linkTo } from '../route.ts';
import { every, type Page, poll, type Screen } from '../screen.ts';
import { ApprovalCard, isFinal, stateBadge } from './approval-card.ts';

const HEADS = ['State', 'Statement', 'Caller', 'Connection', 'Asked'];

/** Decided cards beyond this many go, the oldest first: a tab may stay open for weeks. */
const MAX_DECIDED = 100;

/** What waits, as cards that keep their places: one that moves under the pointer gets somebody else's click. */
class Waiting {
  readonly element = h('div', { class: 'cards' });
  readonly #screen: Screen;
  readonly #cards = new Map<string, ApprovalCard>();

  constructor(screen: Screen) {
    this.#screen = screen;
    every(1_000, screen.signal, () => {
      for (const card of this.#cards.values()) card.tick();
    });
  }

  /** New ones go to the end, those that wait no longer stay where they are and say what became of them. */
  async update(pending: readonly Approval[]): Promise<void> {
    const fresh = pending.filter(({ id }) => !this.#cards.has(id)).reverse();
    for (const approval of pending) this.#cards.get(approval.id)?.update(approval);
    if (fresh.length > 0 && this.#cards.size === 0) fill(this.element);
    for (const approval of fresh) {
      const card = new ApprovalCard(this.#screen, approval, 'h2');
      this.#cards.set(approval.id, card);
      append(this.element, card.element);
    }
    if (fresh.length > 0) this.#screen.announce(`${plural(fresh.length, 'operation')} newly held`);
    const waiting = new Set(pending.map(({ id }) => id));
    await Promise.all([...this.#cards.values()].map((card) => this.#follow(card, waiting)));
    this.#forget();
    if (this.#cards.size === 0 && this.element.childNodes.length === 0) append(this.element, nothing());
  }

  #forget(): void {
    const decided = [...this.#cards].filter(([, card]) => isFinal(card.approval));
    for (const [id, card] of decided.slice(0, Math.max(0, decided.length - MAX_DECIDED))) {
      card.element.remove();
      this.#cards.delete(id);
    }
  }

  async #follow(card: ApprovalCard, waiting: ReadonlySet<string>): Promise<void> {
    const { api, signal } = this.#screen;
    const { approval } = card;
    if (waiting.has(approval.id) || isFinal(approval)) return;
    card.update(await api.get<Approval>(`/v1/approvals/${approval.id}`, signal));
  }
}

function nothing(): HTMLElement {
  return empty(
    'Nothing waits for a decision.',
    'Statements that match a guard with ',
    code('do: hold'),
    ' appear here by themselves, and stay until somebody decides or their time is up. Try an ',
    code('UPDATE'),
    ' without a ',
    code('WHERE'),
    ' where a policy holds it.',
  );
}

function history(approvals: readonly Approval[]): HTMLElement {
  if (approvals.length === 0) return h('p', { class: 'quiet' }, 'None yet.');
  const rows = approvals.map((it) => [
    stateBadge(it),
    h('a', { href: linkTo(['approvals', it.id]) }, h('code', {}, exactText(shortText(it.statement)))),
    exactText(it.caller),
    exactText(it.connection),
    time(it.createdAt),
  ]);
  return wide(table('Decided and past', HEADS, rows));
}

/** What waits for a decision, by itself up to date, and what was decided before. */
export const approvalsPage: Page = async (screen) => {
  const { api, root, signal } = screen;
  const count = h('p', { class: 'quiet' });
  const waiting = new Waiting(screen);
  const past = h('section', { 'aria-label': 'Decided and past' });
  screen.title('Approvals');
  append(
    root,
    h('h1', {}, 'Approvals'),
    count,
    waiting.element,
    h('h2', { class: 'part' }, 'Decided and past'),
    past,
  );
  let shown = '';
  await poll(screen, 2_000, async () => {
    const [pending, recent] = await Promise.all([
      api.get<List<Approval>>('/v1/approvals?state=pending&limit=100', signal),
      api.get<List<Approval>>('/v1/approvals?limit=25', signal),
    ]);
    await waiting.update(pending.items);
    const number = pending.items.length;
    const text = `${plural(number, 'operation')} waiting${pending.next === undefined ? '' : ', and more'}`;
    if (count.textContent !== text) count.textContent = text;
    screen.title(number > 0 ? `(${number}) Approvals` : 'Approvals');
    const decided = recent.items.filter(({ state }) => state !== 'pending');
    const key = decided.map(({ id, state }) => id + state).join();
    // Drawn again only when it changed: a link must not vanish under the pointer or the keyboard's focus.
    if (key !== shown || past.childNodes.length === 0) fill(past, history(decided));
    shown = key;
  });
};
