import { append, type Child, fill, h } from '../element.ts';
import { agoText, bytesText, countText } from '../format.ts';
import { badge, code, empty, exactText, table, wide } from '../parts.ts';
import type { Edge, Page as List } from '../records.ts';
import { type Page, poll } from '../screen.ts';

const HEADS = ['Edge', 'State', 'Last seen', 'Policy in force', 'Sessions', 'Undelivered', 'Reached at'];

function stateOf({ state, connected }: Edge): HTMLElement {
  if (state === 'revoked') return badge('revoked', 'bad');
  return connected ? badge('connected', 'good') : badge('away', 'bad');
}

function policyOf({ snapshotVersionAcked: acked, snapshotVersionSent: sent, nackReason }: Edge): Child {
  const isBehind = sent !== null && sent !== acked;
  return [
    acked === null
      ? badge('none yet', 'wait')
      : h('span', { class: 'version', title: acked }, acked.slice(0, 16)),
    isBehind && nackReason === null && [' ', badge(`taking ${sent.slice(0, 16)}`, 'wait')],
    nackReason !== null &&
      h('p', { class: 'nack' }, badge('refused the newer one', 'bad'), ' ', exactText(nackReason)),
  ];
}

function listenersOf({ listeners }: Edge): Child {
  const entries = Object.entries(listeners);
  return entries.length === 0
    ? '–'
    : entries.map(([protocol, address]) => h('div', {}, `${protocol} `, code(address)));
}

/** The edges, and whether they enforce what they should. */
export const edgesPage: Page = async (screen) => {
  const { api, root, signal, now } = screen;
  screen.title('Edges');
  const body = h('div', {});
  append(root, h('h1', {}, 'Edges'), body);
  let shown = '';
  await poll(screen, 5_000, async () => {
    const { items } = await api.get<List<Edge>>('/v1/edges', signal);
    const rows = items.map((edge) => [
      h('strong', {}, exactText(edge.name)),
      stateOf(edge),
      edge.lastSeenAt === null ? 'never' : agoText(Date.parse(edge.lastSeenAt), now()),
      policyOf(edge),
      countText(edge.openSessions),
      bytesText(edge.spoolBytes),
      listenersOf(edge),
    ]);
    const key = JSON.stringify([items, rows.map((row) => row[2])]);
    if (key === shown) return;
    shown = key;
    if (rows.length > 0) fill(body, wide(table('Edges', HEADS, rows)));
    else
      fill(
        body,
        empty(
          'No edge has joined.',
          'Make a join token (',
          code('POST /v1/join-tokens'),
          ') and start one beside your targets: ',
          code('scrim edge --join TOKEN --control-plane HOST:PORT'),
          '.',
        ),
      );
  });
};
