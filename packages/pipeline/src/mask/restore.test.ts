import { expect, test } from '@jest/globals';
import { Restorer } from './restore.ts';

const TOKEN = 'tok_7abcdefghijklmnopqrstuvwx';
const MAIL = 'tok_7zyxwvutsrqponmlkjihgfed@masked.invalid';

function restorer(): Restorer {
  const it = new Restorer();
  it.remember(TOKEN, 'EMP-"1"\n é');
  it.remember(MAIL, 'ada@analytical.io');
  return it;
}

function flow(pieces: readonly Uint8Array[], json = false): string {
  const it = restorer();
  return Buffer.concat(
    pieces.map((piece, at) => it.push(1, 2, piece, at === pieces.length - 1, json)),
  ).toString();
}

test('a token is given back wherever the deltas cut it', () => {
  const text = Buffer.from(
    `tö ${TOKEN}, t ${MAIL} to tok_7 ${MAIL.slice(0, -15)}. ${TOKEN.toUpperCase()} tok`,
  );
  const whole = 'tö EMP-"1"\n é, t ada@analytical.io to tok_7 ada@analytical.io. EMP-"1"\n é tok';
  for (let at = 0; at <= text.length; at++) {
    expect(flow([text.subarray(0, at), text.subarray(at)])).toBe(whole);
    for (let to = at; to <= text.length; to += 7) {
      expect(flow([text.subarray(0, at), text.subarray(at, to), text.subarray(to)])).toBe(whole);
    }
  }
  expect(flow([...text].map((byte) => Uint8Array.of(byte)))).toBe(whole);
});

test('in JSON the value is written as JSON', () => {
  const out = flow([Buffer.from(`{"a":"x ${TOKEN}`), Buffer.from('"}')], true);
  expect(JSON.parse(out)).toEqual({ a: 'x EMP-"1"\n é' });
});

test('tokens nobody sent stay, and texts that hold none pass at once', () => {
  const other = 'tok_7aaaaaaaaaaaaaaaaaaaaaaaa';
  expect(flow([Buffer.from(`${other} `), Buffer.from('x')])).toBe(`${other} x`);
  const piece = Buffer.from('plain words.');
  expect(restorer().push(1, 2, piece, false, false)).toBe(piece);
  expect(new Restorer().knows).toBe(false);
});

test('channels and lanes do not meet, and what is forgotten is gone', () => {
  const it = restorer();
  const half = Buffer.from(TOKEN.slice(0, 9));
  it.push(1, 2, half, false, false);
  it.push(1, 3, half, false, false);
  it.forget(1);
  expect(Buffer.from(it.push(1, 2, Buffer.from(TOKEN.slice(9)), true, false)).toString()).toBe(
    TOKEN.slice(9),
  );
});

test('what is remembered is bounded', () => {
  const it = new Restorer();
  it.remember(TOKEN, 'x'.repeat(5000));
  it.remember('sk-other', 'x');
  it.remember('***MASKED***', 'x');
  expect(it.knows).toBe(false);
});
