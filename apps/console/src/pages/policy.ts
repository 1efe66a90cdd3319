import { append, type Child, h } from '../element.ts';
import { lineDifference } from '../line-difference.ts';
import { exactText, problem, time } from '../parts.ts';
import type { Page as List, Policy } from '../records.ts';
import { linkTo } from '../route.ts';
import type { Page } from '../screen.ts';
import { yamlText } from '../yaml.ts';

/** Keys in the order people write them in; the store keeps none. */
const ORDER = [
  ...['name', 'match', 'labels', 'groups', 'mask', 'column', 'field', 'detect', 'pattern', 'with'],
  ...['derived', 'predicates', 'guard', 'when', 'do', 'reason', 'approve', 'by', 'quorum', 'expires'],
  ...['record', 'content', 'maxContent'],
];

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const place = (key: string): number => (ORDER.indexOf(key) + 1 || ORDER.length + 1) - 1;
  const entries = Object.entries(value).sort(([a], [b]) => place(a) - place(b));
  return Object.fromEntries(entries.map(([key, it]) => [key, ordered(it)]));
}

const VIEWS = [
  ['yaml', 'YAML'],
  ['json', 'JSON'],
  ['changes', 'Changes'],
] as const;

function changes(before: Policy | undefined, after: Policy): Child {
  if (before === undefined) return exactText(yamlText(ordered(after.policy)));
  const lines = lineDifference(yamlText(ordered(before.policy)), yamlText(ordered(after.policy)));
  return lines.map(({ sign, text }) => {
    const line = [`${sign} `, exactText(text), '\n'];
    if (sign === ' ') return line;
    return sign === '+' ? h('ins', {}, line) : h('del', {}, line);
  });
}

function content(view: string, policy: Policy, before: Policy | undefined): Child {
  if (view === 'json') return exactText(JSON.stringify(ordered(policy.policy), null, 2));
  return view === 'changes' ? changes(before, policy) : exactText(yamlText(ordered(policy.policy)));
}

function versionList(versions: readonly Policy[], chosen: Policy, view: string): HTMLElement {
  const entries = versions.map(({ name, version, createdAt, author }) => {
    const link = h(
      'a',
      {
        href: linkTo(['policies', name], { version: String(version), view }),
        'aria-current': version === chosen.version ? 'true' : undefined,
      },
      `Version ${version}`,
    );
    return h('li', {}, link, h('span', { class: 'quiet' }, time(createdAt), ' by ', author));
  });
  return h('nav', { class: 'versions', 'aria-label': 'Versions' }, h('ol', {}, entries));
}

function tabs(policy: Policy, view: string): HTMLElement {
  return h(
    'nav',
    { class: 'tabs', 'aria-label': 'View' },
    VIEWS.map(([name, label]) =>
      h(
        'a',
        {
          class: 'tab',
          href: linkTo(['policies', policy.name], { version: String(policy.version), view: name }),
          'aria-current': name === view ? 'true' : undefined,
        },
        label,
      ),
    ),
  );
}

/** One policy with its history. */
export const policyPage: Page = async (screen) => {
  const { api, root, route, signal } = screen;
  const name = route.path[1] ?? '';
  screen.title(`Policy ${name}`);
  append(
    root,
    h('p', { class: 'back' }, h('a', { href: linkTo(['policies']) }, '← All policies')),
    h('h1', {}, name),
  );
  const path = `/v1/policies/${encodeURIComponent(name)}`;
  const { items: versions } = await api.get<List<Policy>>(`${path}/versions?limit=200`, signal);
  const asked = Number(route.query.get('version') ?? versions[0]?.version);
  const listed = versions.find(({ version }) => version === asked);
  const chosen = listed ?? (await api.get<Policy>(`${path}/versions/${encodeURIComponent(asked)}`, signal));
  const view = VIEWS.find(([it]) => it === route.query.get('view'))?.[0] ?? 'yaml';
  const before = versions.find(({ version }) => version < chosen.version);
  const text = h(
    'pre',
    { class: 'code', tabindex: 0, role: 'region', 'aria-label': 'Policy' },
    h('code', {}, content(view, chosen, before)),
  );
  if (signal.aborted) return;
  if (versions.length === 0) append(root, problem(new Error('it has no versions')));
  append(
    root,
    h(
      'div',
      { class: 'policy' },
      versionList(versions, chosen, view),
      h('section', { 'aria-label': 'Text' }, tabs(chosen, view), text),
    ),
  );
  const isCurrent = chosen.version === versions[0]?.version;
  const rollback = `scrim apply -f scrim.yaml makes a new one; POST ${path}/rollback brings an older one back.`;
  append(
    root,
    h(
      'p',
      { class: 'quiet' },
      isCurrent ? `This version is in force. ${rollback}` : `This version is no longer in force. ${rollback}`,
    ),
  );
};
