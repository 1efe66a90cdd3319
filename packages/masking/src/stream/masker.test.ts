import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createScanner, createTextMasker, jsonStringView, listDetectors, terminalView } from '../index.ts';

const scanner = createScanner({
  detectors: ['secrets', 'pii'],
  patterns: [
    { name: 'employee-id', regex: 'EMP-[0-9]{6}' },
    { name: 'badge', regex: '[a-z]{3}-zz[0-9]+' },
  ],
});
const builtIns = createScanner({ detectors: ['secrets', 'pii'] });
const replace = () => '***MASKED***';

const examples = listDetectors()
  .filter((d) => !d.optIn)
  .flatMap((d) => [...d.examples.positive.map((e) => e.text), ...d.examples.negative]);
const texts = [
  ...examples,
  'id,email,password\n1,a@b.co,hunter22x\n2,c@d.org,pa55word!\n\nabc-zz12 EMP-123456 done',
  "INSERT INTO u (id, password) VALUES (1, 'k3its9x'), (2, 'zz9plural');",
  'naïve 漢字 😀 ada@analytical.io — fin',
];

/** What masking the whole text at once gives, worked out from the findings. */
function expected(text: string): string {
  let out = '';
  let at = 0;
  for (const finding of scanner.find(text)) {
    out += `${text.slice(at, finding.start)}***MASKED***`;
    at = finding.end;
  }
  return out + text.slice(at);
}

function streamed(pieces: readonly string[]): string {
  const masker = createTextMasker({ scanner, replace });
  return pieces.map((piece) => masker.push(piece)).join('') + masker.flushText();
}

test('every cut of every example gives what the whole gives', () => {
  for (const text of texts) {
    const whole = expected(text);
    for (let cut = 0; cut <= Math.min(text.length, 300); cut += 1)
      expect(streamed([text.slice(0, cut), text.slice(cut)])).toBe(whole);
  }
});

test('any number of cuts, inside characters too, gives what the whole gives', () => {
  const words = fc.constantFrom(...texts, ' ', '\n', ', ', 'password: ', '"', '12 34 ');
  fc.assert(
    fc.property(fc.array(words, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (parts, cuts) => {
      const text = parts.join('');
      const bytes = new TextEncoder().encode(text);
      const points = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b);
      const masker = createTextMasker({ scanner, replace });
      const decoder = new TextDecoder();
      let out = '';
      let from = 0;
      for (const to of [...points, bytes.length]) {
        out += decoder.decode(masker.push(bytes.subarray(from, to)), { stream: true });
        from = to;
      }
      out += decoder.decode(masker.flush());
      expect(out).toBe(expected(text));
    }),
    { numRuns: 300 },
  );
});

test('one byte at a time', () => {
  const text = texts.join('\n').slice(0, 6000);
  const masker = createTextMasker({ scanner, replace });
  const decoder = new TextDecoder();
  let out = '';
  for (const byte of new TextEncoder().encode(text))
    out += decoder.decode(masker.push(Uint8Array.of(byte)), { stream: true });
  out += decoder.decode(masker.flush());
  expect(out).toBe(expected(text));
});

test('plain words are let go at once, an open value is held', () => {
  const masker = createTextMasker({ scanner: builtIns, replace });
  expect(masker.push('Sure, here is the answer ')).toBe('Sure, here is the answer ');
  expect(masker.push('my mail is ada@ana')).not.toContain('ada@');
  expect(masker.push('lytical.io ok ') + masker.flushText()).toContain('***MASKED***');
});

test('a private key far longer than what is held is masked as it flows', () => {
  const line = (word: string) => `-----${word} ${'PRIVATE'} KEY-----`;
  const body = `${'Qk1hV3prT0c5bVJ4'.repeat(4)}\n`.repeat(2000);
  const masker = createTextMasker({ scanner: builtIns, replace });
  const text = `before\n${line('BEGIN')}\n${body}${line('END')}\nafter`;
  let out = '';
  for (let i = 0; i < text.length; i += 700) {
    out += masker.push(text.slice(i, i + 700));
    expect(masker.held).toBeLessThan(20_000);
  }
  out += masker.flushText();
  expect(out).toBe(`before\n${line('BEGIN')}\n***MASKED***\n${line('END')}\nafter`);
});

test('masking a masked text changes nothing', () => {
  const once = streamed([texts.join('\n')]);
  expect(streamed([once])).toBe(once);
});

test('a replacement of null leaves the value', () => {
  const masker = createTextMasker({ scanner, replace: (id) => (id === 'pii.email' ? null : 'X') });
  expect(masker.push('a ada@analytical.io EMP-123456 b ') + masker.flushText()).toBe(
    'a ada@analytical.io X b ',
  );
});

test('escaped JSON text is read as what it stands for and stays valid', () => {
  const value = 'mail "ada@analytical.io"\npassword="kX9-quartz-31" é 😀';
  for (const escaped of [
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(value).slice(1, -1).replace('@', '\\u0040'),
  ])
    for (let cut = 0; cut <= escaped.length; cut += 1) {
      const masker = createTextMasker({ scanner, replace: () => 'a"b', view: jsonStringView });
      const bytes = new TextEncoder().encode(escaped);
      const pieces = [masker.push(bytes.subarray(0, cut)), masker.push(bytes.subarray(cut)), masker.flush()];
      const out = pieces.map((p) => Buffer.from(p).toString('latin1')).join('');
      const text = JSON.parse(`"${Buffer.from(out, 'latin1').toString('utf8')}"`) as string;
      expect(text).toBe('mail "a"b"\npassword="a"b" é 😀');
    }
});

test('terminal sequences do not hide a value and are kept', () => {
  const text = 'key EMP-\u001b[1;31m1234\u001b[0m56 \u001b]0;title\u0007ok';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const masker = createTextMasker({ scanner, replace, view: terminalView });
    const out = masker.push(text.slice(0, cut)) + masker.push(text.slice(cut)) + masker.flushText();
    expect(out).toBe('key ***MASKED***\u001b[1;31m\u001b[0m \u001b]0;title\u0007ok');
  }
});

test('a long token whose anchor is asked again is held back from its first byte', () => {
  const token = `github_pat_${'A9bC8dE7fG6h'.repeat(7).slice(0, 82)}`;
  const text = `7453,${token},open,3\n`;
  for (let size = 1; size < 12; size += 1) {
    const masker = createTextMasker({ scanner, replace: () => '#' });
    let out = '';
    for (let i = 0; i < text.length; i += size) out += masker.push(text.slice(i, i + size));
    expect(out + masker.flushText()).toBe('7453,#,open,3\n');
  }
});

test('a silence anywhere shows no beginning of a value', () => {
  const wrong: [number, string][] = [];
  const every = Number(process.env.SILENCE_EVERY ?? 6);
  for (const [index, text] of texts.entries()) {
    if (index % every !== 0 && index < texts.length - 4) continue;
    const whole = expected(text);
    const bytes = encoded(text);
    // Every place where a value may begin, and every third one in the long ones.
    for (let cut = 1; cut <= Math.min(bytes.length, 150); cut += cut < 40 ? 1 : 3) {
      const masker = createTextMasker({ scanner, replace });
      const shown = [masker.push(bytes.subarray(0, cut)), masker.release()];
      shown.push(masker.push(bytes.subarray(cut)), masker.release(), masker.flush());
      const out = Buffer.concat(shown).toString();
      if (out !== whole) wrong.push([cut, `${out}\n<- ${text}`]);
    }
  }
  expect(wrong).toEqual([]);
});

test('a silence after every byte shows no beginning of a value', () => {
  for (const [index, text] of texts.entries()) {
    if (index % 6 !== 1 && index < texts.length - 4) continue;
    const masker = createTextMasker({ scanner, replace });
    const shown: Uint8Array[] = [];
    for (const byte of encoded(text.slice(0, 400)))
      shown.push(masker.push(Uint8Array.of(byte)), masker.release());
    shown.push(masker.flush());
    expect(Buffer.concat(shown).toString()).toBe(expected(text.slice(0, 400)));
  }
});

const encoded = (text: string) => new TextEncoder().encode(text);

test.each([
  'user@host:~$ ',
  'root@203.0.113.9:~# ',
  'mysql> ',
  'MariaDB [(none)]> ',
  'postgres=# ',
  'Password: ',
  'Password:',
  'Enter passphrase for key: ',
  "deploy@10.0.0.5's password: ",
  '[sudo] password for ada: ',
  'Overwrite? [y/N] ',
  'Continue (y/n) ',
  'Are you sure (yes/no/[fingerprint])? ',
  '>>> ',
  '... ',
  '(gdb) ',
  'PS C:\\> ',
  '$ ',
  '# ',
  'ada@web1 /srv % ',
])('the prompt %j appears when the text falls silent', (prompt) => {
  const masker = createTextMasker({ scanner: createScanner({ detectors: ['secrets'] }), replace });
  const shown = [masker.push(encoded(`out\n${prompt}`)), masker.release()];
  expect(Buffer.concat(shown).toString()).toBe(`out\n${prompt}`);
});

test('what follows a prompt that was shown is judged with it in mind', () => {
  const masker = createTextMasker({ scanner, replace });
  const shown = [masker.push(encoded('password: ')), masker.release()];
  expect(Buffer.concat(shown).toString()).toBe('password: ');
  shown.push(
    masker.push(encoded('hunter22x')),
    masker.release(),
    masker.push(encoded('\nnext\n')),
    masker.flush(),
  );
  expect(Buffer.concat(shown).toString()).toBe('password: ***MASKED***\nnext\n');
});

test('the echo of what is typed is shown letter by letter, and nothing else with it', () => {
  const masker = createTextMasker({ scanner, replace });
  let shown = '';
  const take = (text: string, typed: string) => {
    shown += Buffer.concat([masker.push(encoded(text)), masker.release(encoded(typed))]).toString();
    return shown;
  };
  expect(take('$ ', '')).toBe('$ ');
  expect(take('l', 'l')).toBe('$ l');
  expect(take('s', 's')).toBe('$ ls');
  expect(take('AKIA', 'x')).toBe('$ ls');
  expect(take('', 'A')).toBe('$ ls');
});
