import { queryText } from '../api.ts';
import { append, type Child, h } from '../element.ts';
import { countText } from '../format.ts';
import { badge, code, empty, exactText, table, time, wide } from '../parts.ts';
import type { Page as List, Session } from '../records.ts';
import { linkTo } from '../route.ts';
import type { Page } from '../screen.ts';
import { type Criterion, pages, searched, searchForm } from './search.ts';

const CRITERIA: readonly Criterion[] = [
  { name: 'connection', label: 'Connection', hint: 'shop' },
  { name: 'caller', label: 'Caller', hint: 'alice@example.com' },
  { name: 'text', label: 'In a statement', hint: 'part of it' },
  {
    name: 'state',
    label: 'State',
    choices: [
      ['', 'any'],
      ['open', 'open'],
      ['closed', 'closed'],
    ],
  },
];

const HEADS = [
  'Opened',
  'Caller',
  'Connection',
  'State',
  'Statements',
  'Rows',
  'Masked',
  'Refused',
  'Record',
];

/** What is known about the chain without checking it now. */
export function recordBadge({ verified }: Pick<Session, 'verified'>): HTMLElement {
  if (verified === null) return badge('growing', 'quiet');
  return verified ? badge('signed', 'good') : badge('contradicted', 'bad');
}

export function openBadge({ closedAt, ending }: Session): HTMLElement {
  if (closedAt === null) return badge('open', 'wait');
  if (ending === null || ending === 'caller-left') return badge('closed', 'quiet');
  return badge(`closed: ${ending}`, ending === 'refused' || ending === 'edge-lost' ? 'bad' : 'quiet');
}

function counted(count: number, tone: 'mask' | 'bad'): Child {
  return count === 0 ? '0' : badge(countText(count), tone);
}

function cellsOf(session: Session): readonly Child[] {
  return [
    h('a', { href: linkTo(['sessions', session.id]) }, time(session.openedAt)),
    exactText(session.caller),
    exactText(session.connection),
    openBadge(session),
    countText(session.operations),
    countText(session.rows),
    counted(session.maskedValues, 'mask'),
    counted(session.refusals, 'bad'),
    recordBadge(session),
  ];
}

/** Recorded sessions, newest first. */
export const sessionsPage: Page = async (screen) => {
  const { api, root, signal } = screen;
  screen.title('Sessions');
  const values = searched(screen, CRITERIA);
  const isSearch = Object.values(values).some((value) => value !== '');
  append(root, h('h1', {}, 'Sessions'), searchForm(screen, 'sessions', CRITERIA));
  const list = table('Sessions', HEADS, []);
  const load = (cursor: string | undefined): Promise<List<Session>> =>
    api.get(`/v1/sessions${queryText({ ...values, cursor })}`, signal);
  const { count, more } = await pages(list, HEADS, load, cellsOf);
  if (signal.aborted) return;
  screen.announce(count === 0 ? 'no sessions' : `${count} sessions shown`);
  if (count > 0) append(root, wide(list), more);
  else if (isSearch)
    append(
      root,
      empty(
        'No session fits.',
        'Names are exact; a statement is found by any part of it. ',
        h('a', { href: linkTo(['sessions']) }, 'Show all'),
        '.',
      ),
    );
  else
    append(
      root,
      empty(
        'Nothing is recorded yet.',
        'Connect a client through an edge: ',
        code('PGPASSWORD=$TOKEN psql -h EDGE -p PORT CONNECTION'),
        '. Its session appears here within a second.',
      ),
    );
};
