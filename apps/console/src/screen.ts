import { type Api, ApiFailure } from './api.ts';
import type { Me } from './records.ts';
import type { Route } from './route.ts';

/** What a page of the console works with. */
export interface Screen {
  readonly api: Api;
  readonly me: Me;
  readonly route: Route;
  /** The page's own element, empty at first. */
  readonly root: HTMLElement;
  /** Aborted when one leaves the page. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds by the control plane's clock. */
  readonly now: () => number;
  /** Says it to screen readers, without moving anything. */
  readonly announce: (text: string) => void;
  /** The control plane answers, or does not: a banner says so. */
  readonly reachable: (yes: boolean) => void;
  /** The browser tab's title. */
  readonly title: (text: string) => void;
}

/** Draws itself into the screen; a rejection is shown in its place. */
export type Page = (screen: Screen) => Promise<void>;

/** Runs `act` every `ms` until `signal` aborts. Nothing runs before the first `ms` are over. */
export function every(ms: number, signal: AbortSignal, act: () => void): void {
  const timer = setInterval(act, ms);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

const MAX_PAUSE = 20_000;

/** Ends early when the page is left, and when it is looked at or online again: then one wants the present state. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = (): void => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(end, ms);
    const once = { once: true, signal: over.signal };
    signal.addEventListener('abort', end, once);
    document.addEventListener('visibilitychange', end, once);
    addEventListener('online', end, once);
  });
}

/** A hidden tab still counts in its title what waits, but need not do so at once. */
const HIDDEN_PAUSE = 10_000;

/** Away, overtaxed or failing: it may be over the next time. */
function isPassing(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

/**
 * Runs `look` now and then again `ms` after it is done, until the page is left; less often while the tab is hidden.
 * When the control plane does not answer, it is asked less and less often; any other failure rejects.
 */
export async function poll(screen: Screen, ms: number, look: () => Promise<void>): Promise<void> {
  let wait = ms;
  while (!screen.signal.aborted) {
    try {
      await look();
      screen.reachable(true);
      wait = ms;
    } catch (error) {
      if (screen.signal.aborted) return;
      if (!(error instanceof ApiFailure) || !isPassing(error.status)) throw error;
      screen.reachable(false);
      wait = Math.min(wait * 2, MAX_PAUSE);
    }
    await pause(document.hidden ? Math.max(wait, HIDDEN_PAUSE) : wait, screen.signal);
  }
}
