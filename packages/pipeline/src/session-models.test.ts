import { expect, test } from '@jest/globals';
import { Bed, operation, outcome, type Rules, statement, texts } from './testing.ts';

const TOKENS: Rules = { restore: true, mask: [{ detect: ['pii.email'], with: 'tokenise' }] };

async function prompted(rules: Rules): Promise<{ bed: Bed; token: string }> {
  const bed = await Bed.open([rules]);
  await bed.say(texts([{ text: 'write to ada@example.com', last: true }]));
  const token = bed.forwarded()[0]?.split(' ').at(-1) ?? '';
  expect(token).toMatch(/^tok_7[a-z2-7]+@masked\.invalid$/);
  return { bed, token };
}

test('the caller gets its own value back where the model repeats the token, whatever the deltas', async () => {
  const { bed, token } = await prompted(TOKENS);
  const answer = `sent to ${token}, done`;
  for (let at = 0; at <= answer.length; at++) {
    const before = bed.forwarded().length;
    await bed.target(texts([{ text: answer.slice(0, at) }]), texts([{ text: answer.slice(at), last: true }]));
    expect(bed.forwarded().slice(before).join('')).toBe('sent to ada@example.com, done');
  }
  expect(bed.kept()).not.toContain('ada@example.com');
  expect(bed.kept()).toContain(token);
});

test('what the model says by itself stays masked, and a token of nobody stays a token', async () => {
  const { bed } = await prompted(TOKENS);
  const before = bed.forwarded().length;
  const other = 'tok_7aaaaaaaaaaaaaaaaaaaaaaaaa';
  await bed.target(texts([{ text: `bob@example.com and ${other}`, last: true }]));
  expect(bed.forwarded()[before]).toMatch(/^tok_7\S+@masked\.invalid and tok_7a+$/);
});

test('without restore the token stays, and so it does in another session', async () => {
  const { bed, token } = await prompted({ mask: TOKENS.mask ?? [] });
  await bed.target(texts([{ text: token, last: true }]));
  expect(bed.forwarded().at(-1)).toBe(token);
  const other = await Bed.open([TOKENS]);
  await other.target(texts([{ text: token, last: true }]));
  expect(other.forwarded()).toEqual([token]);
});

test('requests and tokens of a caller are limited, and the refusal says when to come back', async () => {
  const asked = () => operation(statement('POST /v1/messages'));
  const few = await Bed.open([{ limits: { requestsPerMinute: 1 } }]);
  await few.say(asked(), asked());
  expect(few.whats().filter((it) => it === 'forward' || it === 'refuse')).toEqual(['forward', 'refuse']);
  expect(few.recorded('refused')).toMatchObject([{ code: 'SCRIM_BUDGET' }]);
  const short = await Bed.open([{ limits: { tokensPerMinute: 100 } }]);
  await short.say(asked());
  await short.target({
    ...outcome(),
    meaning: { kind: 'outcome', ok: true, count: null, tag: '200', tokens: 100 },
  });
  await short.say(asked());
  expect(short.recorded('refused')).toMatchObject([{ code: 'SCRIM_BUDGET' }]);
});
