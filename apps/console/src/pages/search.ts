import { append, button, type Child, fill, h } from '../element.ts';
import { field, tableRow } from '../parts.ts';
import type { Page as List } from '../records.ts';
import { linkTo } from '../route.ts';
import type { Screen } from '../screen.ts';

/** One thing to search by. With `choices` it is a list to choose from, else a text. */
export interface Criterion {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly choices?: readonly (readonly [value: string, label: string])[];
}

function controlOf({ name, hint, choices }: Criterion, value: string): HTMLInputElement | HTMLSelectElement {
  if (choices === undefined)
    return h('input', { type: 'search', name, value, placeholder: hint, autocomplete: 'off' });
  return h(
    'select',
    { name },
    choices.map(([it, label]) => h('option', { value: it, selected: it === value }, label)),
  );
}

/** What the address says to search by: a search can be linked and gone back to. */
export function searched(screen: Screen, criteria: readonly Criterion[]): Record<string, string> {
  return Object.fromEntries(criteria.map(({ name }) => [name, screen.route.query.get(name) ?? '']));
}

/** A form that puts what is searched for into the address. */
export function searchForm(screen: Screen, section: string, criteria: readonly Criterion[]): HTMLFormElement {
  const values = searched(screen, criteria);
  const controls = criteria.map((it) => controlOf(it, values[it.name] ?? ''));
  const form = h(
    'form',
    { class: 'search', role: 'search' },
    criteria.map((it, index) => field(it.label, controls[index] as HTMLElement)),
    h('button', { type: 'submit' }, 'Search'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const link = linkTo([section], Object.fromEntries(controls.map((it) => [it.name, it.value.trim()])));
    // The same search again asks again.
    if (location.hash === link) dispatchEvent(new HashChangeEvent('hashchange'));
    else location.hash = link;
  });
  return form;
}

/** Fills a table page by page: the first now, each next one when asked for. */
export async function pages<T>(
  into: HTMLTableElement,
  heads: readonly string[],
  load: (cursor: string | undefined) => Promise<List<T>>,
  cells: (item: T) => readonly Child[],
): Promise<{ readonly count: number; readonly more: HTMLElement }> {
  const more = h('div', { class: 'more-rows' });
  const body = into.tBodies[0] as HTMLTableSectionElement;
  const next = async (cursor: string | undefined): Promise<number> => {
    const page = await load(cursor);
    append(body, ...page.items.map((item) => tableRow(heads, cells(item))));
    const show = (): void => {
      fill(more, h('p', { class: 'quiet' }, 'Loading…'));
      next(page.next).catch((error: unknown) => fill(more, String(error), button('Try again', show)));
    };
    fill(more, page.next !== undefined && button('Show more', show));
    return page.items.length;
  };
  return { count: await next(undefined), more };
}
