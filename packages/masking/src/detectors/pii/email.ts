import { ALNUM, byteClass, DIGIT, LETTER } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import { afterSequence } from '../../scan/pattern.ts';
import type { View } from '../../scan/view.ts';

const LOCAL = byteClass("\\w.%+'-");
for (let i = 0x80; i < 256; i += 1) LOCAL[i] = 1;
const LABEL = byteClass('A-Za-z0-9-');
for (let i = 0x80; i < 256; i += 1) LABEL[i] = 1;
const NOT_BREAK = byteClass('^\\s"\'<>`');

/** Things written `name@something.ending` that are no mailbox: files, unit names, packages. */
const ENDINGS = new Set(
  `png jpg jpeg gif svg webp ico js jsx ts tsx mjs cjs json css scss html htm py rb go java kt php yml yaml toml lock txt log conf cfg
  gz zip tgz tar bz2 xz pdf exe dll sql csv xml service socket target timer mount slice scope local-file map wasm vue snap`.split(
    /\s+/,
  ),
);
const EXAMPLES =
  /^(?:user(?:name)?|e?mail|name|your[\w.-]*|you|me|someone|somebody|example|foo|bar|git|no-?reply|do-?not-?reply|first\.?last|firstname(?:\.lastname)?)$/i;
const EXAMPLE_DOMAINS =
  /^(?:(?:[\w-]+\.)?example\.(?:com|org|net)|domain\.(?:com|tld)|email\.com|bar\.com|company\.com|users\.noreply\.github\.com|yourdomain\.com|your-?company\.com)$/i;

/** RFC 5321 section 4.1.2, as people write it: a dot-atom, and a domain with a top level of letters. */
function mailbox(
  view: View,
  localEnd: number,
  domainStart: number,
  found: { add(s: number, e: number): void },
): void {
  let start = view.runBack(LOCAL, localEnd, 64);
  start = afterSequence(view, start, localEnd);
  while (start < localEnd && ALNUM[view.at(start)] !== 1 && view.at(start) < 0x80) start += 1;
  if (view.at(start - 1) === 0x5c && /[nrt]/.test(String.fromCharCode(view.at(start)))) start += 1;
  if (start >= localEnd || view.at(localEnd - 1) === 0x2e) return;
  let end = domainStart;
  let dots = 0;
  let lastLabel = domainStart;
  for (let labels = 0; labels < 10; labels += 1) {
    const labelEnd = view.run(LABEL, lastLabel, 63);
    if (labelEnd === lastLabel) break;
    end = labelEnd;
    if (view.at(labelEnd) !== 0x2e || !view.is(LABEL, labelEnd + 1)) break;
    dots += 1;
    lastLabel = labelEnd + 1;
  }
  if (dots === 0) return;
  end = trimTopLevel(view, lastLabel, end);
  if (end - lastLabel < 2) return;
  if (ENDINGS.has(view.text(lastLabel, end).toLowerCase())) return;
  if (isUserInfo(view, start) || isRemotePath(view, end)) return;
  const local = view.text(start, localEnd);
  const domain = view.text(domainStart, end);
  if (local === 'git' || (EXAMPLE_DOMAINS.test(domain) && EXAMPLES.test(local))) return;
  if (
    /^(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster)$/i.test(local) ||
    domain === 'users.noreply.github.com' ||
    /^(?:test@test|foo@bar)\.(?:com|org|net|co)$/i.test(`${local}@${domain}`)
  )
    return;
  found.add(start, end);
}

/** The top level is letters; a hyphen or digit there belongs to what follows. */
function trimTopLevel(view: View, start: number, end: number): number {
  if (view.at(start) >= 0x80) return end;
  if (view.hasFolded(PUNYCODE, start)) return end;
  const letters = view.run(LETTER, start, 24);
  return letters < end && ALNUM[view.at(letters)] === 1 ? start : Math.min(letters, end);
}

const PUNYCODE = Uint8Array.from('xn--', (c) => c.charCodeAt(0));

/** `scheme://user@host`: a login, not a mailbox. */
function isUserInfo(view: View, start: number): boolean {
  const from = view.runBack(NOT_BREAK, start, 200);
  for (let i = start - 1; i > from + 1; i -= 1) {
    const byte = view.at(i);
    if (byte === 0x2f && view.at(i - 1) === 0x2f && view.at(i - 2) === 0x3a)
      return view.at(i - 3) !== 0x6f || view.at(i - 4) !== 0x74;
    if (byte === 0x2f || byte === 0x3f || byte === 0x26 || byte === 0x2c) return false;
  }
  return false;
}

/** `user@host.example:path`: scp and git remotes; `user/password@host.example:1521`: a host and its port. */
function isRemotePath(view: View, end: number): boolean {
  if (view.at(end) !== 0x3a) return false;
  const next = view.at(end + 1);
  if (DIGIT[next] === 1) return view.run(DIGIT, end + 1, 5) >= end + 3;
  return next === 0x2f || next === 0x7e || LETTER[next] === 1 || next === 0x2e;
}

const at: Verifier = (view, i, found) => {
  if (view.at(i) === 0x40) mailbox(view, i, i + 1, found);
};

const encoded: Verifier = (view, i, found) => mailbox(view, i, i + 3, found);

export const EMAIL: Detector = {
  id: 'pii.email',
  group: 'pii',
  packs: ['gdpr', 'hipaa'],
  description: 'E-mail addresses',
  source: 'https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2',
  rank: 50,
  examples: () => ({
    positive: [
      { text: 'from: Ada <ada.byron@mail.analytical.io>', value: 'ada.byron@mail.analytical.io' },
      { text: '?to=ada%40analytical.io&x=1', value: 'ada%40analytical.io' },
    ],
    negative: [
      'git@github.com:org/repo.git',
      'icon@2x.png',
      'lodash@4.17.21',
      'ssh://deploy@build.internal.net/x',
      'getty@tty1.service',
      '@types/node@20.1.0',
    ],
  }),
  shapes: [{ at: 'at', verify: at }],
  literals: [{ anchors: ['%40'], verify: encoded }],
};
