import { expect, test } from '@jest/globals';
import { Secret } from '@scrim/model';
import {
  Bed,
  fields,
  outcome,
  type Rules,
  run,
  SHOP,
  socket,
  ToyKnock,
  texts,
  tick,
  toyProtocol,
} from '../testing.ts';

const TOKEN = 'zq7/Wm3+pL"x9&Kt';
const BASIC = Buffer.from('svc-user:wq8Rt5yU2m').toString('base64');

/** Opens a session of a protocol whose targets can repeat what they were sent. */
async function knock(bed: Bed, echoesCredential: boolean): Promise<ToyKnock> {
  const caller = new ToyKnock(bed.exchange);
  const toy = toyProtocol([caller]);
  const capabilities = { ...toy.capabilities, ...(echoesCredential && { echoesCredential }) };
  await bed.pipeline.serve({ ...toy, capabilities }, socket());
  await caller.settled;
  await tick();
  return caller;
}

async function bedOf(policies: readonly Rules[], value = TOKEN, echoes = true): Promise<Bed> {
  const bed = new Bed(policies);
  bed.secrets = async () => ({ value: new Secret(value) });
  await knock(bed, echoes);
  bed.log.length = 0;
  return bed;
}

function said(bed: Bed, form: 'text' | 'json' | 'xml' | 'form' | 'csv', ...parts: string[]): string {
  void bed.target(...parts.map((text, at) => texts([{ text, form, last: at === parts.length - 1 }])));
  return bed.forwarded().join('');
}

const spellings: [string, string][] = [
  ['as it is', TOKEN],
  ['in other letters', TOKEN.toUpperCase()],
  ['inside a word', `key${TOKEN}tail`],
  ['percent-encoded', encodeURIComponent(TOKEN)],
  ['percent-encoded in small letters', encodeURIComponent(TOKEN).replace(/%../g, (it) => it.toLowerCase())],
  ['as JSON', JSON.stringify(TOKEN)],
  ['as PHP writes JSON', JSON.stringify(TOKEN).replaceAll('/', '\\/')],
  ['as XML', TOKEN.replace('&', '&amp;').replace('"', '&quot;')],
  ['in base64', Buffer.from(TOKEN).toString('base64')],
];

test.each(spellings)('%s it is masked without any rule', async (_how, text) => {
  const bed = await bedOf([{}]);
  const shown = said(bed, 'text', `got ${text} from you`);
  expect(shown).toContain('***MASKED***');
  expect(shown).toMatch(/^got .* from you$/);
  expect(shown).not.toContain(text.slice(3, -3));
  expect(bed.kept()).not.toContain(text.slice(3, -3));
});

test('wherever the text is cut', async () => {
  const text = `a Bearer ${TOKEN}, b`;
  for (let cut = 1; cut < text.length; cut++) {
    const bed = await bedOf([{}]);
    expect(said(bed, 'text', text.slice(0, cut), text.slice(cut))).toBe('a Bearer ***MASKED***, b');
  }
});

test('one byte after the other, in JSON, behind a long text without blanks', async () => {
  const text = JSON.stringify({ a: `${'x'.repeat(300)}${TOKEN}`, [TOKEN]: 1 });
  const bed = await bedOf([{}]);
  expect(said(bed, 'json', ...text)).toBe(`{"a":"${'x'.repeat(300)}***MASKED***","***MASKED***":1}`);
});

test.each(['form', 'csv', 'xml', 'text'] as const)('in a %s body', async (form) => {
  const bed = await bedOf([{}]);
  const shown = said(bed, form, `a=${encodeURIComponent(TOKEN)}`);
  expect(shown).toBe('a=***MASKED***');
});

test('in headers, and the event names the rule', async () => {
  const bed = await bedOf([{}]);
  void bed.target(fields([{ name: 'x-echo', value: `Bearer ${TOKEN}`, quotesData: false }]), outcome());
  expect(bed.forwarded()[0]).toBe('Bearer ***MASKED***');
  expect(bed.recorded('masked')).toEqual([{ rule: 'scrim/credential', place: 'message.x-echo', count: 1 }]);
});

test('Basic: the pair, the password alone, and the base64 without padding', async () => {
  const bed = await bedOf([{}], BASIC);
  const shown = said(bed, 'text', `${BASIC.replace(/=+$/, '')} svc-user:wq8Rt5yU2m pw wq8Rt5yU2m.`);
  expect(shown).toBe('***MASKED*** ***MASKED*** pw ***MASKED***.');
});

test('a value with its scheme: the token without it, while the scheme stays', async () => {
  const bed = await bedOf([{}], 'Negotiate wq8Rt5yU2m');
  expect(said(bed, 'text', 'Negotiate x wq8Rt5yU2m')).toBe('Negotiate x ***MASKED***');
});

test('a rule that keeps a part of a value keeps none of the credential', async () => {
  const rules: Rules = { mask: [{ field: 'auth', with: 'partial' }] };
  const bed = await bedOf([rules], 'sk-wq8Rt5yU2m-4444');
  expect(said(bed, 'json', '{"auth":"sk-wq8Rt5yU2m-4444","b":{"auth":"another-value-9999"}}')).toMatch(
    /^\{"auth":"\*\*\*MASKED\*\*\*","b":\{"auth":"\*+9999"\}\}$/,
  );
});

test('a pattern that finds more around it, or a rule that only watches, does not let it through', async () => {
  const key = ['AKIA', 'QYLPMN5H', 'HHFPZAM2'].join('');
  const partial = { partial: { keepLast: 4 } };
  const pattern: Rules = { mask: [{ pattern: { name: 'line', regex: 'key=.*' }, with: partial }] };
  expect(said(await bedOf([pattern], key), 'text', `key=${key}`)).toBe('***MASKED***');
  const watches: Rules = { guard: [{ when: { response: { detect: ['secrets'] } }, do: 'warn' }] };
  expect(said(await bedOf([watches], key), 'text', `use ${key} now`)).toBe('use ***MASKED*** now');
});

test('new rules keep the guard', async () => {
  const bed = await bedOf([{}]);
  bed.apply([{ version: 2, mask: [{ detect: ['pii.email'] }] }], { connections: [SHOP] });
  expect(said(bed, 'text', `${TOKEN} ada@example.com`)).toBe('***MASKED*** ***MASKED***');
});

test('what no rule can look into is refused when it holds the credential, also cut by chunks', async () => {
  const bed = await bedOf([{}]);
  const blob = (bytes: string) => run({ kind: 'opaque', why: 'image/png' }, bytes);
  void bed.target(blob('\u0000harmless'), blob(TOKEN.slice(0, 5)), blob(`${TOKEN.slice(5)}\u0000`));
  expect(bed.forwarded()).toHaveLength(2);
  expect(bed.closedWith()).toBe('SCRIM_UNMASKABLE');
});

test('without a rule nothing else changes: broken XML and any coverage stay as they were', async () => {
  const bed = await bedOf([{}]);
  expect(said(bed, 'xml', `<a>\u00ff${'<b '.repeat(20)}`)).toBe(`<a>\u00ff${'<b '.repeat(20)}`);
});

test('a short secret is not looked for, and a protocol whose targets do not repeat it is left alone', async () => {
  expect(said(await bedOf([{}], 'short'), 'text', 'a short way')).toBe('a short way');
  expect(said(await bedOf([{}], TOKEN, false), 'text', TOKEN)).toBe(TOKEN);
});

test('a secret that could not be found again opens nothing', async () => {
  const bed = new Bed([{}]);
  bed.secrets = async () => ({ value: new Secret('äöüäöüäöüäöü') });
  const caller = await knock(bed, true);
  expect(bed.exchange.relay).toBeUndefined();
  expect(caller.rejected?.code).toBe('SCRIM_TARGET_CREDENTIAL');
});
