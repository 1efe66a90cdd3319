import { append, h } from '../element.ts';
import { shortText } from '../format.ts';
import type { Approval } from '../records.ts';
import { linkTo } from '../route.ts';
import { every, type Page, poll } from '../screen.ts';
import { ApprovalCard, isFinal } from './approval-card.ts';

/** One held operation: where the link leads that the caller of a held statement is told. */
export const approvalPage: Page = async (screen) => {
  const { api, root, route, signal } = screen;
  const path = `/v1/approvals/${encodeURIComponent(route.path[1] ?? '')}`;
  screen.title('Approval');
  append(root, h('p', { class: 'back' }, h('a', { href: linkTo(['approvals']) }, '← All approvals')));
  const card = new ApprovalCard(screen, await api.get<Approval>(path, signal), 'h1');
  if (signal.aborted) return;
  append(root, card.element);
  card.element.querySelector('details')?.setAttribute('open', '');
  screen.title(`Approval: ${shortText(card.approval.statement, 40)}`);
  every(1_000, signal, () => card.tick());
  await poll(screen, 2_000, async () => {
    if (!isFinal(card.approval)) card.update(await api.get<Approval>(path, signal));
  });
};
