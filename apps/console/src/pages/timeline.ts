import { append, type Child, h } from '../element.ts';
import { bytesText, clockText, countText, plural } from '../format.ts';
import { badge, codeBlock, exactText, type Tone } from '../parts.ts';
import type { ReplayItem } from '../records.ts';
import { linkTo } from '../route.ts';
import { yamlText } from '../yaml.ts';

const VERDICTS: Readonly<Record<string, readonly [string, Tone]>> = {
  warn: ['warned', 'wait'],
  hold: ['held', 'wait'],
  block: ['blocked', 'bad'],
};

function text(value: unknown): string {
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function values(value: unknown): readonly (string | null)[] {
  return Array.isArray(value) ? (value as (string | null)[]) : [];
}

function cell(value: string | null | undefined): Child {
  if (value === null || value === undefined) return h('span', { class: 'null' }, 'NULL');
  return exactText(value);
}

function pairs(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${text(value)}`)
    .join(', ');
}

function isTicket(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
}

/** A result whose rows are still coming. */
interface Result {
  readonly body: HTMLElement;
  readonly entry: HTMLElement;
}

/** The story of a session, entry after entry, in the order of its record. */
export class Timeline {
  readonly element = h('ol', { class: 'timeline' });
  /** The open result of each lane. */
  readonly #results = new Map<number, Result>();
  /** The list that further items of the same kind go to, as long as nothing else comes between. */
  #masks: HTMLElement | undefined;
  #settings: HTMLElement | undefined;

  /** Adds the next item of the replay. Kinds it does not know are shown as they are. */
  add(item: ReplayItem): void {
    if (item.kind !== 'masked') this.#masks = undefined;
    const isSetting = item.kind === 'fields' && item.severity === 'SET';
    if (!isSetting) this.#settings = undefined;
    const lane = item.lane ?? 0;
    switch (item.kind) {
      case 'operation':
        this.#results.delete(lane);
        this.#operation(item);
        break;
      case 'columns':
        this.#open(item, lane, values(item.names));
        break;
      case 'row':
        this.#row(item, lane);
        break;
      case 'outcome':
        this.#outcome(item, lane);
        break;
      case 'masked':
        this.#masked(item);
        break;
      case 'fields':
        if (isSetting) this.#setting(item);
        else this.#message(item);
        break;
      case 'text':
        this.#entry(item, '', 'quiet', [codeBlock(text(item.text), 'Output')]);
        break;
      default:
        this.#fact(item);
    }
  }

  #entry(item: ReplayItem, kind: string, tone: Tone | '', content: Child): HTMLElement {
    const entry = h('li', { class: `entry ${kind} ${tone}`.trim() });
    append(entry, h('span', { class: 'at' }, clockText(item.at)), h('div', { class: 'what' }, content));
    append(this.element, entry);
    return entry;
  }

  #operation(item: ReplayItem): void {
    const verdict = VERDICTS[text(item.verdict)];
    const statement = typeof item.text === 'string' ? item.text : undefined;
    const parameters = values(item.parameters);
    this.#entry(item, 'operation', verdict?.[1] ?? '', [
      h(
        'div',
        { class: 'entry-head' },
        h('strong', {}, text(item.verb) || 'operation'),
        verdict && badge(...verdict),
        item.rule !== undefined && h('span', { class: 'quiet' }, text(item.rule)),
      ),
      statement === undefined
        ? h('p', { class: 'quiet' }, 'Its text is not in this part of the record.')
        : codeBlock(statement, 'Statement'),
      item.textBytes !== undefined &&
        h('p', { class: 'quiet' }, `Cut: the whole text has ${bytesText(number(item.textBytes))}.`),
      parameters.length > 0 &&
        h(
          'dl',
          { class: 'parameters', 'aria-label': 'Parameters' },
          parameters.map((value, index) =>
            h('div', {}, h('dt', {}, `$${index + 1}`), h('dd', {}, h('code', {}, cell(value)))),
          ),
        ),
    ]);
  }

  #open(item: ReplayItem, lane: number, names: readonly (string | null)[]): Result {
    const body = h('tbody', {});
    const head =
      names.length > 0 &&
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          names.map((name) => h('th', { scope: 'col' }, cell(name))),
        ),
      );
    const scroll = h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Result' },
      h('table', { class: 'result' }, head, body),
    );
    const result = { body, entry: this.#entry(item, 'rows', '', scroll) };
    this.#results.set(lane, result);
    return result;
  }

  #row(item: ReplayItem, lane: number): void {
    const { body } = this.#results.get(lane) ?? this.#open(item, lane, []);
    append(
      body,
      h(
        'tr',
        {},
        values(item.values).map((value) => h('td', {}, cell(value))),
      ),
    );
  }

  #outcome(item: ReplayItem, lane: number): void {
    const result = this.#results.get(lane);
    this.#results.delete(lane);
    const said = h(
      'p',
      { class: item.ok === true ? 'tag' : 'tag failed' },
      item.ok === true ? '' : 'failed: ',
      exactText(text(item.tag)),
    );
    // With other entries in between it stands where it happened.
    if (result !== undefined && result.entry === this.element.lastElementChild)
      append(result.entry.lastElementChild as Element, said);
    else this.#entry(item, 'outcome', item.ok === true ? '' : 'bad', said);
  }

  #masked(item: ReplayItem): void {
    this.#masks ??= this.#entry(item, 'masked', 'mask', [
      badge('masked', 'mask'),
      h('ul', { class: 'masks' }),
    ]);
    const list = this.#masks.querySelector('ul');
    if (list === null) return;
    append(
      list,
      h(
        'li',
        {},
        `${plural(number(item.count), 'value')} in `,
        h('code', {}, exactText(text(item.place))),
        h('span', { class: 'quiet' }, ` ${text(item.rule)}`),
      ),
    );
  }

  /** A server tells some twenty of its settings at the start: one line, to be opened. */
  #setting(item: ReplayItem): void {
    if (this.#settings === undefined) {
      this.#settings = h('ul', { class: 'settings' });
      this.#entry(
        item,
        'fact',
        'quiet',
        h('details', {}, h('summary', {}, 'Settings the server told'), this.#settings),
      );
    }
    append(this.#settings, h('li', {}, exactText(pairs((item.fields ?? {}) as Record<string, unknown>))));
  }

  #message(item: ReplayItem): void {
    const fields = (item.fields ?? {}) as Readonly<Record<string, unknown>>;
    const severity = text(item.severity);
    const isError = /error|fatal|panic/i.test(severity);
    // PostgreSQL names its fields by letters (protocol section 53.8); a transcriber may name them in full.
    const message = text(fields.message ?? fields.M) || pairs(fields);
    const detail = text(fields.detail ?? fields.D);
    const hint = text(fields.hint ?? fields.H);
    this.#entry(item, 'message', isError ? 'bad' : 'quiet', [
      h('p', {}, badge(severity || 'message', isError ? 'bad' : 'quiet'), ' ', exactText(message)),
      detail !== '' && h('p', { class: 'quiet' }, exactText(detail)),
      hint !== '' && h('p', { class: 'quiet' }, exactText(hint)),
    ]);
  }

  #fact(item: ReplayItem): void {
    const told = FACTS[item.kind];
    if (told !== undefined) {
      const [label, tone, content] = told(item);
      this.#entry(item, 'fact', tone, h('p', {}, badge(label, tone), ' ', content));
      return;
    }
    const { seq: _seq, at: _at, kind, lane: _lane, ...rest } = item;
    const more = h(
      'details',
      {},
      h('summary', {}, badge(kind, 'quiet')),
      h('pre', { class: 'code' }, exactText(yamlText(rest))),
    );
    this.#entry(item, 'fact', 'quiet', more);
  }
}

type Told = readonly [label: string, tone: Tone, content: Child];

function ruleAndTicket(item: ReplayItem): Child {
  const ticket = item.ticket ?? item.approvalId;
  return [
    item.rule !== undefined && h('span', { class: 'quiet' }, ` ${text(item.rule)}`),
    isTicket(ticket) && [' ', h('a', { href: linkTo(['approvals', ticket]) }, 'the approval')],
  ];
}

function decided(item: ReplayItem): Told {
  const state = text(item.state);
  const isYes = state === 'approved' || state === 'redeemed';
  const comment = text(item.comment);
  const by = text(item.by);
  return [
    state || 'decided',
    isYes ? 'good' : 'bad',
    [
      by !== '' && ['by ', exactText(by)],
      comment !== '' && [': ', h('q', {}, exactText(comment))],
      ruleAndTicket(item),
    ],
  ];
}

function opened(item: ReplayItem): Told {
  const caller = (item.caller ?? {}) as Readonly<Record<string, unknown>>;
  const groups = values(caller.groups).join(', ');
  return [
    'opened',
    'quiet',
    [
      exactText(text(caller.subject)),
      groups !== '' && ` (${groups})`,
      ' on ',
      exactText(text(item.connection)),
    ],
  ];
}

function coverage(item: ReplayItem): Told {
  const inspected = bytesText(number(item.inspected));
  return ['coverage', 'quiet', `${inspected} inspected, ${bytesText(number(item.blind))} passed blind`];
}

/** How the rare events read. */
const FACTS: Readonly<Record<string, (item: ReplayItem) => Told>> = {
  held: (item) => ['held', 'wait', [exactText(text(item.reason)), ruleAndTicket(item)]],
  decided,
  opened,
  coverage,
  closed: (item) => ['closed', 'quiet', exactText(text(item.ending))],
  warned: (item) => ['warned', 'wait', [exactText(text(item.reason)), ruleAndTicket(item)]],
  refused: (item) => [
    'refused',
    'bad',
    [
      exactText(text(item.message) || text(item.code)),
      h('span', { class: 'quiet' }, ` ${text(item.code)}`),
      ruleAndTicket(item),
    ],
  ],
  cancelled: () => ['cancelled', 'quiet', 'The caller cancelled.'],
  omitted: (item) => [
    'left out',
    'quiet',
    `${plural(number(item.rows), 'row')}, ${bytesText(number(item.bytes))}: the caller got them, the record does not keep them.`,
  ],
  sealed: (item) => [
    'sealed',
    'mask',
    `${countText(number(item.operations))} operations, ${bytesText(number(item.bytes))}: only the holder of the auditor's key reads them.`,
  ],
  undecoded: (item) => [
    'not shown',
    'bad',
    [`${bytesText(number(item.bytes))}: `, exactText(text(item.why))],
  ],
};
