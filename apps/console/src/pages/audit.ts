import { queryText } from '../api.ts';
import { append, type Child, h } from '../element.ts';
import { empty, exactText, table, time, wide } from '../parts.ts';
import type { AuditEntry, Page as List } from '../records.ts';
import { linkTo } from '../route.ts';
import type { Page } from '../screen.ts';
import { yamlText } from '../yaml.ts';
import { type Criterion, pages, searched, searchForm } from './search.ts';

const CRITERIA: readonly Criterion[] = [
  { name: 'actor', label: 'Who', hint: 'alice@example.com' },
  { name: 'action', label: 'Action', hint: 'approval. or policy.update' },
  { name: 'resource', label: 'What', hint: 'policy/production' },
];

const HEADS = ['When', 'Who', 'Action', 'What', 'From', 'Details'];

function details({ before, after, requestId }: AuditEntry): Child {
  const parts = [
    ['before', before],
    ['after', after],
    ['request', requestId],
  ] as const;
  const known = parts.filter(([, value]) => value !== undefined && value !== null);
  if (known.length === 0) return '–';
  const text = yamlText(Object.fromEntries(known));
  return h(
    'details',
    {},
    h('summary', {}, known.map(([name]) => name).join(', ')),
    h('pre', { class: 'code' }, exactText(text)),
  );
}

/** Who changed, decided and looked at what. */
export const auditPage: Page = async (screen) => {
  const { api, root, signal } = screen;
  screen.title('Audit');
  const values = searched(screen, CRITERIA);
  const isSearch = Object.values(values).some((value) => value !== '');
  append(root, h('h1', {}, 'Audit'), searchForm(screen, 'audit', CRITERIA));
  const list = table('Audit', HEADS, []);
  const { count, more } = await pages<AuditEntry>(
    list,
    HEADS,
    (cursor) => api.get<List<AuditEntry>>(`/v1/audit${queryText({ ...values, cursor })}`, signal),
    (it) => [
      time(it.at),
      exactText(it.actor),
      exactText(it.action),
      exactText(it.resource),
      it.ip ?? '–',
      details(it),
    ],
  );
  if (signal.aborted) return;
  screen.announce(count === 0 ? 'no entries' : `${count} entries shown`);
  if (count > 0) append(root, wide(list), more);
  else if (isSearch)
    append(
      root,
      empty(
        'No entry fits.',
        'Names are exact; an action ending in a dot means all of them. ',
        h('a', { href: linkTo(['audit']) }, 'Show all'),
        '.',
      ),
    );
  else
    append(
      root,
      empty('Nothing has been changed yet.', 'Every change, decision and look at a session will stand here.'),
    );
};
