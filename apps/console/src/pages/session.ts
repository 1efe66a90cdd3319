import { append, button, type Child, fill, h } from '../element.ts';
import { bytesText, countText, durationText, plural } from '../format.ts';
import { badge, exactText, facts, problem, time } from '../parts.ts';
import type { ReplayItem, Session, Verification } from '../records.ts';
import { linkTo } from '../route.ts';
import type { Page, Screen } from '../screen.ts';
import { openBadge, recordBadge } from './sessions.ts';
import { Timeline } from './timeline.ts';

/** Items shown before one is asked to go on: a page of any session stays quick. */
const AT_A_TIME = 400;

function coverageOf(value: unknown): Child {
  if (typeof value !== 'object' || value === null) return 'not reported yet';
  const { inspected, blind, reasons } = value as Readonly<Record<string, unknown>>;
  const bytes = (it: unknown): string => bytesText(typeof it === 'number' ? it : 0);
  const why = Object.entries((reasons ?? {}) as Readonly<Record<string, unknown>>);
  return [
    `${bytes(inspected)} inspected, ${bytes(blind)} passed blind`,
    why.length > 0 &&
      h(
        'ul',
        {},
        why.map(([reason, it]) => h('li', {}, `${bytes(it)}: ${reason}`)),
      ),
  ];
}

function about(session: Session): HTMLElement {
  const policies = Object.entries(session.policyVersions);
  const lasted =
    session.closedAt === null
      ? ''
      : `, ${durationText(Date.parse(session.closedAt) - Date.parse(session.openedAt))}`;
  return facts([
    ['Opened', [time(session.openedAt), lasted]],
    ['State', openBadge(session)],
    [
      'Called itself',
      session.claimedName === null
        ? undefined
        : [exactText(session.claimedName), h('span', { class: 'quiet' }, ' (never trusted)')],
    ],
    ['Groups', session.callerGroups.join(', ')],
    ['Statements', countText(session.operations)],
    ['Rows', `${countText(session.rows)} (${bytesText(session.bytes)})`],
    ['Masked values', session.maskedValues > 0 ? badge(countText(session.maskedValues), 'mask') : '0'],
    ['Refused', session.refusals > 0 ? badge(countText(session.refusals), 'bad') : '0'],
    [
      'Policies',
      policies.map(([name, version], index) => [
        index > 0 && ', ',
        h('a', { href: linkTo(['policies', name], { version: String(version) }) }, `${name} v${version}`),
      ]),
    ],
    ['Coverage', coverageOf(session.coverage)],
  ]);
}

function verdictOf({ ok, events, complete, problem: wrong }: Verification): Child {
  if (!ok)
    return [
      badge('broken', 'bad'),
      ` ${wrong === undefined ? '' : `Event ${wrong.seq} cannot be trusted: ${wrong.why}`}`,
    ];
  const end = complete ? 'The session is closed: nothing can follow.' : 'The session is still open.';
  return [
    badge('holds', 'good'),
    ` ${plural(events, 'event')} checked: every hash and every signature of the edge. ${end}`,
  ];
}

function chain(screen: Screen, session: Session): HTMLElement {
  const said = h(
    'p',
    { role: 'status' },
    recordBadge(session),
    session.verified === true
      ? ' Checked when it arrived.'
      : session.verified === null
        ? ' Checked event by event as it arrives.'
        : ' Something contradicted it when it arrived.',
  );
  const verify = button('Verify now', () => {
    verify.disabled = true;
    fill(said, 'Checking every hash and signature…');
    screen.api
      .get<Verification>(`/v1/sessions/${session.id}/verify`, screen.signal)
      .then((verdict) => fill(said, verdictOf(verdict)))
      .catch((error: unknown) => fill(said, problem(error)))
      .finally(() => {
        verify.disabled = false;
      });
  });
  return h('section', { class: 'chain', 'aria-label': 'Hash chain' }, said, verify);
}

/** Shows items until there are `AT_A_TIME` more, then waits to be asked: what is not read is not sent either. */
async function play(screen: Screen, session: Session, timeline: Timeline, state: HTMLElement): Promise<void> {
  const items = screen.api.lines<ReplayItem>(`/v1/sessions/${session.id}/replay`, screen.signal);
  let shown = 0;
  for await (const item of items) {
    timeline.add(item);
    if (++shown % AT_A_TIME > 0) continue;
    await new Promise<void>((resolve) => {
      screen.signal.addEventListener('abort', () => resolve(), { once: true });
      fill(
        state,
        h('p', { class: 'quiet' }, `${countText(shown)} entries so far.`),
        button('Show more', resolve),
      );
    });
    if (screen.signal.aborted) return;
    fill(state, h('p', { class: 'quiet' }, 'Loading…'));
  }
  const end = session.closedAt === null ? 'This is all so far; the session is open.' : 'End of the session.';
  fill(
    state,
    h('p', { class: 'quiet' }, shown === 0 ? 'Nothing is recorded yet.' : end),
    session.closedAt === null && button('Look again', () => dispatchEvent(new HashChangeEvent('hashchange'))),
  );
}

/** One session: what was asked, what came back, what was held, refused and masked. */
export const sessionPage: Page = async (screen) => {
  const { api, root, route, signal } = screen;
  screen.title('Session');
  append(root, h('p', { class: 'back' }, h('a', { href: linkTo(['sessions']) }, '← All sessions')));
  const session = await api.get<Session>(`/v1/sessions/${encodeURIComponent(route.path[1] ?? '')}`, signal);
  const timeline = new Timeline();
  const state = h(
    'div',
    { class: 'more-rows', 'aria-live': 'polite' },
    h('p', { class: 'quiet' }, 'Loading…'),
  );
  screen.title(`${session.caller} on ${session.connection}`);
  append(
    root,
    h('h1', {}, exactText(session.caller), ' on ', exactText(session.connection)),
    about(session),
    chain(screen, session),
    h('h2', { class: 'part' }, 'As the caller saw it'),
    timeline.element,
    state,
  );
  await play(screen, session, timeline, state).catch((error: unknown) => {
    if (!signal.aborted) fill(state, problem(error));
  });
};
