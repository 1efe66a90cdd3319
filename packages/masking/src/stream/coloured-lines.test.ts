import { expect, test } from '@jest/globals';
import { createScanner, createTerminalMasker } from '../index.ts';
import { ColouredLines } from './coloured-lines.ts';

const scanner = createScanner({
  detectors: ['secrets', 'pii'],
  patterns: [{ name: 'employee-id', regex: 'EMP-[0-9]{6}' }],
});
const ESC = '\u001b';
const bytes = (text: string) => new TextEncoder().encode(text);

/** The same numbers every time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

const PARTS = [
  `${ESC}[31m`,
  `${ESC}[0m`,
  `${ESC}[m`,
  `${ESC}[1;38;5;208m`,
  `${ESC}[38:2::10:20:30m`,
  `${ESC}[K`,
  `${ESC}[0K`,
  'a word ',
  'INFO ',
  'path=/items/17 ',
  '\t',
  '漢字 ',
  'naïve ',
  '😀',
  'EMP-123456 ',
  `EMP-${ESC}[32m123${ESC}[0m456 `,
  'ada@example.com ',
  `ada@${ESC}[4mexample${ESC}[0m.com `,
  '4111 1111 1111 1111 ',
  `${ESC}[1mpassword${ESC}[0m: `,
  'hunter22xK9 ',
  '-----BEGIN PRIVATE KEY-----',
  'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC',
  'name,email,ssn',
];
/** What the lines' own reader leaves to the screen. */
const MOVES = [
  `${ESC}[2D`,
  '\b',
  `${ESC}[5G`,
  '\r',
  `${ESC}]0;title\u0007`,
  `${ESC}[1K`,
  '\u0007',
  `${ESC}7`,
];

function written(seed: number): string {
  const next = numbers(seed);
  let text = '';
  for (let line = 0; line < 30; line += 1) {
    const count = next(8);
    for (let part = 0; part < count; part += 1) {
      // Values are few, or no run of lines would ever be clean.
      const most = next(5) === 0 ? PARTS.length : 14;
      text += next(40) === 0 ? MOVES[next(MOVES.length)] : PARTS[next(most)];
    }
    text += next(12) === 0 ? '\n' : '\r\n';
  }
  return text;
}

function masked(text: string, size: (left: number) => number): string {
  const masker = createTerminalMasker({ scanner, replace: () => '[X]', columns: 60, rows: 10 });
  const raw = bytes(text);
  const out: Uint8Array[] = [];
  for (let at = 0; at < raw.length; ) {
    const to = Math.min(raw.length, at + size(raw.length - at));
    out.push(masker.push(raw.subarray(at, to)));
    at = to;
  }
  out.push(masker.flush());
  return Buffer.concat(out).toString();
}

/** The same without the reader of lines: every coloured line goes over the screen. */
function screened(text: string, size: (left: number) => number): string {
  const { read } = ColouredLines.prototype;
  ColouredLines.prototype.read = () => 0;
  try {
    return masked(text, size);
  } finally {
    ColouredLines.prototype.read = read;
  }
}

test('lines with colours come out as the screen decides them, however they are cut', () => {
  let passed = 0;
  const { learn } = ColouredLines.prototype;
  ColouredLines.prototype.learn = function (clean) {
    if (clean) passed += 1;
    learn.call(this, clean);
  };
  for (let seed = 1; seed <= 150; seed += 1) {
    const text = written(seed);
    for (const most of [1e6, 400, 60]) {
      const [one, two] = [numbers(seed + 1000), numbers(seed + 1000)];
      const out = masked(text, () => 1 + one(most) + (most === 1e6 ? most : 0));
      expect({ seed, most, out }).toEqual({
        seed,
        most,
        out: screened(text, () => 1 + two(most) + (most === 1e6 ? most : 0)),
      });
    }
  }
  ColouredLines.prototype.learn = learn;
  expect(passed).toBeGreaterThan(500);
});

test('a value that begins on a coloured line and goes on in the next chunk is masked', () => {
  const line = `${ESC}[32mok${ESC}[0m all is well\r\n`;
  const head = `${line.repeat(40)}${ESC}[1m-----BEGIN PRIVATE KEY-----${ESC}[0m\r\n`;
  const key = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\r\n';
  const text = `${head}${key.repeat(4)}-----END PRIVATE KEY-----\r\n${line}`;
  for (const size of [1e6, bytes(head).length, 200, 7]) {
    const out = masked(text, () => size);
    expect(out).not.toContain('MIIEvQ');
    expect(out.startsWith(line.repeat(40))).toBe(true);
  }
});

test('a run of whole coloured lines is read as what it shows', () => {
  const lines = new ColouredLines();
  const text = bytes(`${ESC}[31mred${ESC}[0m\tx\r\n${ESC}[Kplain\r\n${ESC}[2Dmoved\r\n`);
  const length = lines.read(text, 0, 80);
  expect(Buffer.from(lines.shown.subarray(0, length)).toString()).toBe('red     x\nplain\n');
  expect(lines.end).toBe(bytes(`${ESC}[31mred${ESC}[0m\tx\r\n${ESC}[Kplain\r\n`).length);
  expect(lines.cut(12)).toBe(10);
  expect(lines.end).toBe(bytes(`${ESC}[31mred${ESC}[0m\tx\r\n`).length);
});

test.each([
  ['a line that reaches the margin', `${'x'.repeat(80)}\r\n`],
  ['a tab over the margin', `${'x'.repeat(75)}\ty\r\n`],
  ['a line without its end', `${ESC}[31mred`],
  ['a bare line feed', `${ESC}[31mred\n`],
  ['a bare carriage return', `red\rblue\r\n`],
  ['a cut sequence', `red${ESC}[3`],
  ['a private sequence', `${ESC}[>4m\r\n`],
  ['an erasure to the left', `red${ESC}[1K\r\n`],
  ['an endless sequence', `${ESC}[${'1;'.repeat(90)}m\r\n`],
  ['a C1 control', 'a\u009b1mb\r\n'],
  ['a delete', 'a\u007fb\r\n'],
])('%s is left to the screen', (_, text) => {
  expect(new ColouredLines().read(bytes(text), 0, 80)).toBe(0);
});
