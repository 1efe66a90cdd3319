import { append, type Child, fill, h } from '../element.ts';
import { plural } from '../format.ts';
import { badge, code, codeBlock, field, problem, table, wide } from '../parts.ts';
import type { Detokenised } from '../records.ts';
import type { Page, Screen } from '../screen.ts';

const HEADS = ['Token', 'Stayed closed because'];

const WHY: Readonly<Record<string, string>> = {
  unknown: 'nothing is kept for it, or it has not arrived yet',
  forbidden: 'the policy that made it does not name your groups',
  erased: 'its value was erased',
  ambiguous: 'two values share it',
  unreadable: 'its key is gone',
};

function closedRow({ token, state }: Detokenised['tokens'][number]): readonly Child[] {
  return [code(token), [badge(state, 'quiet'), ' ', WHY[state] ?? '']];
}

function shown({ tokens, text = '' }: Detokenised): readonly Child[] {
  const closed = tokens.filter(({ state }) => state !== 'opened');
  const opened = tokens.length - closed.length;
  return [
    h('h2', {}, tokens.length === 0 ? 'No token is in it' : `${plural(opened, 'token')} opened`),
    codeBlock(text, 'The text, restored'),
    closed.length > 0 && wide(table('Tokens that stayed closed', HEADS, closed.map(closedRow))),
  ];
}

function form({ api, announce, signal }: Screen, result: HTMLElement): HTMLFormElement {
  const text = h('textarea', {
    name: 'text',
    rows: 8,
    required: true,
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const reason = h('input', {
    name: 'reason',
    required: true,
    minlength: 3,
    maxlength: 500,
    autocomplete: 'off',
  });
  const open = h('button', { type: 'submit', class: 'primary' }, 'Open');
  const element = h(
    'form',
    { class: 'opening' },
    field('A text with tokens in it, or tokens alone', text),
    field('Reason (kept in the audit; write no value into it)', reason),
    h('div', { class: 'buttons' }, open),
  );
  const send = async (): Promise<void> => {
    open.disabled = true;
    fill(result);
    try {
      const body = { text: text.value, reason: reason.value };
      const answer = await api.post<Detokenised>('/v1/detokenise', body);
      if (signal.aborted) return;
      fill(result, shown(answer));
      announce('The text is restored below.');
    } catch (error) {
      fill(result, problem(error));
    } finally {
      open.disabled = false;
    }
  };
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    void send();
  });
  return element;
}

/** Opens reversible tokens for whom a policy names; each request stands in the audit. */
export const tokensPage: Page = async (screen) => {
  screen.title('Tokens');
  const result = h('section', { 'aria-label': 'Result' });
  append(
    screen.root,
    h('h1', {}, 'Tokens'),
    h(
      'p',
      { class: 'quiet' },
      'Reversible tokens are opened for the groups a policy names under detokenise.',
    ),
    form(screen, result),
    result,
  );
};
