import { ApiFailure } from './api.ts';
import { type Child, h } from './element.ts';
import { timeText } from './format.ts';
import { piecesOf } from './visible.ts';

/** How a badge looks; the words in it say the same, colour is never all there is. */
export type Tone = 'good' | 'bad' | 'wait' | 'mask' | 'quiet';

export function badge(text: string, tone: Tone): HTMLElement {
  return h('span', { class: `badge ${tone}` }, text);
}

/** A text exactly as it is: masks marked, characters that deceive the eye named. */
export function exactText(text: string): Child {
  return piecesOf(text).map((piece) => {
    if (piece.kind === 'mask') return h('mark', { class: 'mask' }, piece.text);
    if (piece.kind === 'plain') return piece.text;
    return h('span', { class: 'odd', title: 'a character that would not show, or a long gap' }, piece.text);
  });
}

/** A statement, in full: an approver decides over every character of it. */
export function codeBlock(text: string, label: string): HTMLElement {
  return h(
    'pre',
    { class: 'code', tabindex: 0, role: 'region', 'aria-label': label },
    h('code', {}, exactText(text)),
  );
}

/** A list of named facts; empty ones are left out. */
export function facts(entries: readonly (readonly [string, Child])[]): HTMLElement {
  const shown = entries.filter(([, value]) => value !== undefined && value !== null && value !== '');
  return h(
    'dl',
    { class: 'facts' },
    shown.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

export function time(at: string | number): HTMLElement {
  return h('time', { datetime: new Date(at).toISOString() }, timeText(at));
}

/** What to show where there is nothing, and what to do next. */
export function empty(title: string, ...next: readonly Child[]): HTMLElement {
  return h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, title), h('p', {}, next));
}

export function code(text: string): HTMLElement {
  return h('code', {}, text);
}

/** What went wrong and how to mend it. */
export function problem(error: unknown): HTMLElement {
  const failure = error instanceof ApiFailure ? error : undefined;
  const detail = error instanceof Error ? error.message : String(error);
  return h(
    'div',
    { class: 'problem', role: 'alert' },
    h('p', {}, h('strong', {}, detail)),
    failure?.mend !== undefined && h('p', {}, failure.mend),
    failure?.code !== undefined && failure.code !== '' && h('p', { class: 'quiet' }, failure.code),
  );
}

/**
 * A table that turns into cards where the screen is narrow; `heads` name the cells there. The roles are said because a
 * table that is laid out as blocks is none any more to screen readers.
 */
export function table(
  label: string,
  heads: readonly string[],
  rows: readonly (readonly Child[])[],
): HTMLTableElement {
  const names = heads.map((head) => h('th', { scope: 'col', role: 'columnheader' }, head));
  return h(
    'table',
    { class: 'list', role: 'table', 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, names)),
    h(
      'tbody',
      { role: 'rowgroup' },
      rows.map((row) => tableRow(heads, row)),
    ),
  );
}

/** A further row for {@link table}. */
export function tableRow(heads: readonly string[], cells: readonly Child[]): HTMLElement {
  const filled = cells.map((cell, index) => h('td', { role: 'cell', 'data-head': heads[index] }, cell));
  return h('tr', { role: 'row' }, filled);
}

/** A place in which a table that is too wide scrolls by itself. */
export function wide(list: HTMLTableElement): HTMLElement {
  return h('div', { class: 'wide' }, list);
}

/** A labelled input; `name` is its name in the form. */
export function field(label: string, control: HTMLElement): HTMLElement {
  return h('label', { class: 'field' }, h('span', {}, label), control);
}
