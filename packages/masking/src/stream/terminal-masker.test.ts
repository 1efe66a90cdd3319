import { expect, test } from '@jest/globals';
import { readToken, TerminalScreen } from '@scrim/model';
import { createScanner, createTerminalMasker } from '../index.ts';

const scanner = createScanner({
  detectors: ['secrets', 'pii.email'],
  patterns: [{ name: 'employee-id', regex: 'EMP-[0-9]{6}' }],
});
const SECRET = 'EMP-123456';
const ESC = '\u001b';
const bytes = (text: string) => new TextEncoder().encode(text);

function masked(text: string, cuts: readonly number[] = [], columns = 40): string {
  const masker = createTerminalMasker({ scanner, replace: () => '***MASKED***', columns, rows: 10 });
  const raw = bytes(text);
  const out: Uint8Array[] = [];
  let from = 0;
  for (const to of [...cuts, raw.length]) {
    out.push(masker.push(raw.subarray(from, to)));
    from = to;
  }
  out.push(masker.flush());
  expect(masker.held).toBe(0);
  return Buffer.concat(out).toString();
}

/** What a terminal shows after this. */
function shown(text: string, columns = 40): string[] {
  const screen = new TerminalScreen<null>(columns, 10);
  const raw = bytes(text);
  for (let at = 0; at < raw.length; ) {
    const { token, length } = readToken(raw, at, raw.length, true);
    screen.apply(token, null);
    at += Math.max(1, length);
  }
  return screen.rows.map((row) =>
    Array.from(row.cells, (cell) => cell?.text ?? ' ')
      .join('')
      .trimEnd(),
  );
}

const BROKEN: readonly [string, string][] = [
  ['colours', `id EMP-${ESC}[1;31m1234${ESC}[0m56 ok\r\n`],
  [
    'a colour per letter',
    `id ${[...SECRET].map((c) => `${ESC}[3${c.charCodeAt(0) % 8}m${c}`).join('')} ok\r\n`,
  ],
  ['backspace and overwrite', 'id EMP-12XX\b\b3456 ok\r\n'],
  ['backspace, blank, backspace', 'id EMP-12X\b \b3456 ok\r\n'],
  ['a carriage return and a redraw', 'id EMP-12\rid EMP-123456 ok\r\n'],
  ['the cursor moved left', `id EMP-12XX${ESC}[2D3456 ok\r\n`],
  ['an absolute column', `id EMP-${ESC}[8G123456 ok\r\n`],
  ['inserted letters', `id EMP-56${ESC}[2D${ESC}[4@1234${ESC}[2C ok\r\n`],
  ['deleted letters', `id EMP-12zz3456${ESC}[6D${ESC}[2P${ESC}[4C ok\r\n`],
  ['an erased end', `id EMP-1234xxxx${ESC}[4D${ESC}[K56 ok\r\n`],
  ['insert mode', `id EMP-3456${ESC}[4D${ESC}[4h12${ESC}[4l${ESC}[4C ok\r\n`],
  ['repeated letters', `id EMP-1${ESC}[5b ok\r\n`],
  ['saved and restored places', `id EMP-${ESC}7xx${ESC}8123456 ok\r\n`],
  ['a link around it', `${ESC}]8;;http://x${ESC}\\EMP-1234${ESC}]8;;${ESC}\\56 ok\r\n`],
  ['C1 controls', 'id EMP-\u009b1m1234\u009b0m56 ok\r\n'],
  ['a title in it', `id EMP-12${ESC}]0;title\u00073456 ok\r\n`],
  ['bracketed paste marks', `id EMP-${ESC}[200~1234${ESC}[201~56 ok\r\n`],
  ['a null and a bell', 'id EMP-12\u0000\u0007\b\u001b[1C3456 ok\r\n'],
  ['a line end at the margin', `${'x'.repeat(33)} EMP-12\r\n3456 ok\r\n`],
  ["readline's wrap", `${'x'.repeat(33)} EMP-12 \r3456 ok\b \b\r\n`],
];

/** Written in one go; cut after the cursor has left a part, that part may be shown before the rest is there. */
const APART: readonly [string, string][] = [
  ['the cursor moved right over what stands', `id EMP-12XX\r${ESC}[9C3456 ok\r\n`],
  ['two halves written in the wrong order', `id ${ESC}[8G123456${ESC}[4GEMP-${ESC}[15Gok\r\n`],
  ['an absolute row', `${ESC}[2J${ESC}[3;5HEMP-12${ESC}[1;1Htop${ESC}[3;11H3456 ok\r\n`],
  ['the alternate screen', `${ESC}[?1049h${ESC}[2;2HEMP-12${ESC}[2;8H3456 ok`],
];

test.each([...BROKEN, ...APART])('a value broken by %s is masked, and the screen stays right', (_, text) => {
  const out = masked(text);
  const [wanted, got] = [shown(text), shown(out)];
  expect(got.join('\n')).not.toContain('123456');
  const joined = got.join('');
  expect(joined).not.toMatch(/EMP-|3456/);
  expect(joined).toMatch(/MASKED|\*{10}/);
  // Every column outside the value is what it would have been.
  expect(got.map((row) => row.length)).toEqual(wanted.map((row) => row.length));
  const whole = wanted.join('').replace(/EMP-\d{6}/, '##########');
  for (let i = 0; i < whole.length; i += 1) if (whole[i] !== '#') expect(joined[i]).toBe(whole[i]);
});

test.each(BROKEN)('a value broken by %s is masked however the bytes are cut', (_, text) => {
  const raw = bytes(text).length;
  const whole = shown(masked(text)).join('\n');
  for (let cut = 1; cut < raw; cut += 1) expect(shown(masked(text, [cut])).join('\n')).toBe(whole);
  expect(
    shown(
      masked(
        text,
        Array.from({ length: raw - 1 }, (_, i) => i + 1),
      ),
    ).join('\n'),
  ).toBe(whole);
});

test.each([
  `a${ESC}[31mred${ESC}[0m b\r\nplain\r\n`,
  `10%\r20%\r30%\r\n`,
  `${ESC}[?1049h${ESC}[Htop${ESC}[2;1Hline${ESC}[K${ESC}[?1049l$ `,
  `${ESC}]0;user@host\u0007$ ls\r\nfile\r\n$ `,
  'tab\tbed\r\n',
  `${ESC}(B${ESC}[m$ `,
  'naïve 漢字 \b\b😀\r\n',
  `${'y'.repeat(80)}\r\n${'z'.repeat(40)}\r\nnext\r\n`,
])('%j without a value passes byte for byte', (text) => {
  const raw = bytes(text).length;
  expect(masked(text)).toBe(text);
  for (let cut = 1; cut < raw; cut += 1) expect(masked(text, [cut])).toBe(text);
});

test('a value in a link or a title takes the sequence away, the clipboard and unreadable strings always go', () => {
  expect(masked(`a ${ESC}]8;;http://x/${SECRET}/${ESC}\\text${ESC}]8;;${ESC}\\ b\r\n`)).toBe(
    `a text${ESC}]8;;${ESC}\\ b\r\n`,
  );
  expect(masked(`${ESC}]2;${SECRET} x\u0007a\r\n`)).toBe('a\r\n');
  expect(masked(`${ESC}]8;;http://x/EMP%2D123456${ESC}\\t\r\n`)).toBe('t\r\n');
  expect(masked(`a${ESC}]52;c;RU1QLTEyMzQ1Ng==\u0007b\r\n`)).toBe('ab\r\n');
  for (const intro of ['P', '_', '^', 'X'])
    expect(masked(`a${ESC}${intro}EMP-123456${ESC}\\b\r\n`)).toBe('ab\r\n');
});

test('a control string that never ends becomes text, and is masked as text', () => {
  const out = masked(`${ESC}]0;${'x '.repeat(9000)} EMP-123456 \r\n`);
  expect(out).not.toContain('123456');
});

test('a value over the margin of plain text is masked', () => {
  expect(masked(`${'x'.repeat(34)} EMP-123456 ok\r\n`)).toBe(`${'x'.repeat(34)} ***MASKED*** ok\r\n`);
});

test('plain lines keep the mask as it is, also between edited ones', () => {
  expect(masked(`id ${SECRET} x\r\n${ESC}[1mb${ESC}[0m\r\nid ${SECRET} y\r\n`)).toBe(
    `id ***MASKED*** x\r\n${ESC}[1mb${ESC}[0m\r\nid ***MASKED*** y\r\n`,
  );
});

test('a key on an edited line makes the value on the next plain line known', () => {
  const masker = createTerminalMasker({ scanner, replace: () => '***MASKED***' });
  const out = [masker.push(bytes(`${ESC}[1mpassword: ${ESC}[0m`)), masker.release()];
  expect(Buffer.concat(out).toString()).toBe(`${ESC}[1mpassword: ${ESC}[0m`);
  out.push(masker.push(bytes('hunter22x\r\n')), masker.flush());
  expect(Buffer.concat(out).toString()).not.toContain('hunter');
});

test.each([
  `${ESC}[?2004h${ESC}]0;a@b: ~\u0007a@b:~$ `,
  `${ESC}[01;32mada@web1${ESC}[00m:${ESC}[01;34m~${ESC}[00m$ `,
  `\r${ESC}[K${ESC}[1mmysql> ${ESC}[0m`,
])('the prompt %j appears when the terminal falls silent', (prompt) => {
  const masker = createTerminalMasker({
    scanner: createScanner({ detectors: ['secrets'] }),
    replace: () => 'X',
  });
  const out = [masker.push(bytes(prompt)), masker.release()];
  expect(Buffer.concat(out).toString()).toBe(prompt);
});

test.each(BROKEN)('a silence after every byte of %s shows no beginning of the value', (_, text) => {
  const masker = createTerminalMasker({ scanner, replace: () => '***MASKED***', columns: 40, rows: 10 });
  const out: Uint8Array[] = [];
  for (const byte of bytes(text)) out.push(masker.push(Uint8Array.of(byte)), masker.release());
  out.push(masker.flush());
  expect(shown(Buffer.concat(out).toString()).join('')).not.toMatch(/EMP-1|3456/);
});

test.each([
  `id EMP-123456\rxx\x1b[K\r\n`,
  `id EMP-123456\rid abcdefghij\r\n`,
  `id EMP-12345\x1b[1Dx\b56\rid abcdefghij\r\n`,
  `id EMP-123456\x1b[2J\x1b[Hgone\r\n`,
  `id EMP-123456\x1b[13D\x1b[13Pok\r\n`,
  `\x1b[?1049hEMP-123456\x1b[?1049lback\r\n`,
  `\x1b[1mEMP-123456${'\r\n'.repeat(15)}end\r\n`,
  `${'EMP-123456\r'.repeat(3)}\r\n`,
])('a value that is gone again in the same breath is masked all the same: %j', (text) => {
  expect(masked(text)).not.toContain('123456');
});
