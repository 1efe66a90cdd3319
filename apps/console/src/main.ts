import { Api, ApiFailure } from './api.ts';
import { append, button, fill, h } from './element.ts';
import { approvalPage } from './pages/approval.ts';
import { approvalsPage } from './pages/approvals.ts';
import { auditPage } from './pages/audit.ts';
import { edgesPage } from './pages/edges.ts';
import { policiesPage } from './pages/policies.ts';
import { policyPage } from './pages/policy.ts';
import { sessionPage } from './pages/session.ts';
import { sessionsPage } from './pages/sessions.ts';
import { tokensPage } from './pages/tokens.ts';
import { empty, problem } from './parts.ts';
import type { Me } from './records.ts';
import { linkTo, type Route, routeOf } from './route.ts';
import type { Page, Screen } from './screen.ts';
import { forgetToken, identify, keepToken, keptToken, showSignIn } from './sign-in.ts';

interface Section {
  readonly name: string;
  readonly label: string;
  /** Roles that see anything there; undefined = everybody known. */
  readonly roles?: readonly string[];
  readonly list: Page;
  readonly one?: Page;
}

const SECTIONS: readonly Section[] = [
  { name: 'approvals', label: 'Approvals', list: approvalsPage, one: approvalPage },
  { name: 'sessions', label: 'Sessions', list: sessionsPage, one: sessionPage },
  {
    name: 'policies',
    label: 'Policies',
    roles: ['admin', 'auditor', 'approver'],
    list: policiesPage,
    one: policyPage,
  },
  { name: 'tokens', label: 'Tokens', list: tokensPage },
  { name: 'edges', label: 'Edges', roles: ['admin', 'auditor'], list: edgesPage },
  { name: 'audit', label: 'Audit', roles: ['admin', 'auditor'], list: auditPage },
];

const nowherePage: Page = async ({ root }) => {
  append(root, h('h1', {}, 'Not here'), empty('There is no such page.', 'Choose one from the menu above.'));
};

function pageOf({ path }: Route): Page {
  const section = SECTIONS.find(({ name }) => name === (path[0] ?? 'approvals'));
  if (section === undefined || path.length > 2) return nowherePage;
  return (path[1] === undefined ? section.list : section.one) ?? nowherePage;
}

/** The frame around every page of somebody who is signed in, and the movement between pages. */
class Frame {
  readonly #me: Me;
  readonly #api: Api;
  readonly #main = h('main', { id: 'main', tabindex: -1 });
  readonly #said = h('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' });
  readonly #banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  readonly #links = new Map<string, HTMLAnchorElement>();
  readonly #left = new AbortController();
  #offset = 0;
  #page = new AbortController();
  #path = '';

  constructor(me: Me, token: string, ended: (message: string) => void) {
    this.#me = me;
    this.#api = new Api(token, () => ended('You were signed out: the token no longer holds.'));
  }

  /** Draws the frame and shows where the address leads. */
  start(root: HTMLElement, signOut: () => void): void {
    const skip = button('Skip to the content', () => this.#main.focus(), { class: 'skip' });
    fill(root, skip, this.#header(signOut), this.#banner, this.#said, this.#main);
    addEventListener('hashchange', () => this.#show(), { signal: this.#left.signal });
    this.#api
      .get<{ time: string }>('/v1/info', this.#left.signal)
      .then(({ time }) => {
        this.#offset = Date.parse(time) - Date.now();
      })
      .catch(() => undefined);
    this.#show();
  }

  stop(): void {
    this.#left.abort();
    this.#page.abort();
  }

  #header(signOut: () => void): HTMLElement {
    const { subject, roles } = this.#me;
    const open = SECTIONS.filter(
      (it) => it.roles === undefined || it.roles.some((role) => roles.includes(role)),
    );
    for (const { name, label } of open)
      this.#links.set(name, h('a', { class: 'tab', href: linkTo([name]) }, label));
    return h(
      'header',
      { class: 'top' },
      h('a', { class: 'brand', href: '#/' }, 'Scrim'),
      h('nav', { 'aria-label': 'Pages' }, [...this.#links.values()]),
      h(
        'div',
        { class: 'who' },
        h('span', { class: 'subject', title: roles.join(', ') }, subject),
        button('Sign out', signOut),
      ),
    );
  }

  #screen(root: HTMLElement, route: Route, signal: AbortSignal): Screen {
    return {
      api: this.#api,
      me: this.#me,
      route,
      root,
      signal,
      now: () => Date.now() + this.#offset,
      announce: (text) => fill(this.#said, text),
      reachable: (yes) => this.#reachable(yes),
      title: (text) => {
        document.title = `${text} · Scrim`;
      },
    };
  }

  #reachable(yes: boolean): void {
    if (this.#banner.hidden === yes) return;
    this.#banner.hidden = yes;
    fill(this.#banner, !yes && 'The control plane does not answer. What you see may be old; trying again.');
  }

  #show(): void {
    const route = routeOf(location.hash);
    const path = route.path.join('/');
    this.#page.abort();
    this.#page = new AbortController();
    const { signal } = this.#page;
    this.#reachable(true);
    for (const [name, link] of this.#links) {
      if (name === (route.path[0] ?? 'approvals')) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const root = h('div', { class: 'page' });
    fill(this.#main, root);
    const moved = path !== this.#path;
    this.#path = path;
    pageOf(route)(this.#screen(root, route, signal)).catch((error: unknown) => {
      if (!signal.aborted) append(root, problem(error));
    });
    // A new page is read from its start; a new search keeps one where one types.
    if (moved) {
      scrollTo(0, 0);
      this.#main.focus({ preventScroll: true });
    }
  }
}

function startConsole(root: HTMLElement): void {
  const unknown = (message: string): void => {
    forgetToken();
    document.title = 'Sign in · Scrim';
    showSignIn(root, message, known);
  };
  const known = (token: string, me: Me): void => {
    keepToken(token);
    let ended = false;
    const end = (message: string): void => {
      if (ended) return;
      ended = true;
      frame.stop();
      unknown(message);
    };
    const frame = new Frame(me, token, end);
    frame.start(root, () => end('You are signed out.'));
  };
  const token = keptToken();
  if (token === undefined) {
    unknown('');
    return;
  }
  identify(token)
    .then((me) => known(token, me))
    .catch((error: unknown) => {
      if (error instanceof ApiFailure && error.status === 401)
        unknown('Sign in again: the token no longer holds.');
      else
        fill(
          root,
          h(
            'main',
            { class: 'centre' },
            problem(error),
            button('Try again', () => location.reload()),
          ),
        );
    });
}

const root = document.getElementById('app');
if (root !== null) startConsole(root);
