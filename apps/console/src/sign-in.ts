import { Api, ApiFailure } from './api.ts';
import { fill, h } from './element.ts';
import { code, field, problem } from './parts.ts';
import type { Me } from './records.ts';

/** Kept for this tab alone and gone with it: a token in localStorage would outlive the person at the screen. */
const KEY = 'scrim.token';

export function keptToken(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

/** Whoever the token is. Throws {@link ApiFailure} when it does not hold or cannot be one. */
export async function identify(token: string): Promise<Me> {
  if (!/^[\x21-\x7e]{1,16384}$/.test(token))
    throw new ApiFailure(401, '', 'this is no token', 'paste the token alone, without quotes or line breaks');
  return new Api(token, () => undefined).get<Me>('/v1/whoami');
}

function explanation(): HTMLElement {
  return h(
    'details',
    { class: 'hint' },
    h('summary', {}, 'Where do I get one?'),
    h(
      'p',
      {},
      'On a stack of your own (',
      code('npm start'),
      ' or ',
      code('scrim up'),
      '): it is the ',
      code('adminToken'),
      ' in ',
      code('stack.json'),
      ' of the data folder and in the ready file.',
    ),
    h(
      'p',
      {},
      'Elsewhere an administrator makes you an API key: ',
      code('POST /v1/api-keys'),
      ' with the roles and groups you need. Approvers need the role ',
      code('approver'),
      '.',
    ),
  );
}

/** The page of somebody unknown. `done` gets a token that holds and whose it is. */
export function showSignIn(root: HTMLElement, message: string, done: (token: string, me: Me) => void): void {
  const input = h('input', {
    type: 'password',
    name: 'token',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    placeholder: 'scrim_…',
    'aria-describedby': 'sign-in-message',
  });
  const submit = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
  const said = h(
    'div',
    { id: 'sign-in-message', 'aria-live': 'polite' },
    message !== '' && h('p', {}, message),
  );
  const form = h(
    'form',
    { class: 'sign-in' },
    h('h1', {}, 'Scrim console'),
    h('p', {}, 'Decide what is held, and see what was done.'),
    field('API key or token', input),
    said,
    submit,
    explanation(),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const token = input.value.trim();
    submit.disabled = true;
    identify(token)
      .then((me) => done(token, me))
      .catch((error: unknown) => {
        submit.disabled = false;
        fill(said, problem(error));
        input.select();
      });
  });
  fill(root, h('main', { id: 'main', class: 'centre' }, form));
  input.focus();
}
