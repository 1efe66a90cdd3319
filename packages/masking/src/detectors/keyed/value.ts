import { ALNUM, asciiBytes, BLANK, byteClass, DIGIT, LETTER, QUOTE, UPPER } from '../../scan/bytes.ts';
import type { ValueForm } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { blanks, type Key } from './key.ts';

/** A value as it stands after its key. One instance is reused: reading a value allocates nothing. */
export class ValueSlot {
  start = 0;
  end = 0;
  form: ValueForm = 'inline';

  set(start: number, end: number, form: ValueForm): boolean {
    this.start = start;
    this.end = end;
    this.form = form;
    return end > start;
  }
}

/** What is read of one value, in bytes; a longer one flows on where its characters go on. */
export const LONGEST_VALUE = 7600;

/**
 * Reads the value that belongs to the key, whose text ends at `keyEnd`: after `=`, `:`, `=>`, `:=`, `>` of an XML element,
 * a call's parenthesis, a flag's blank, a `value` attribute beside a `name`, and "is" in prose. Returns false when
 * nothing there is a value. The slot then holds the value without its quotes.
 */
export function readValue(view: View, key: Key, keyEnd: number, slot: ValueSlot): boolean {
  const keyStart = key.start;
  const before = view.at(keyStart - 1);
  let p = keyEnd;
  let quoted = false;
  const slashes = backslashes(view, p);
  if (QUOTE[view.at(p + slashes)] === 1) {
    if (QUOTE[before] !== 1) return false;
    quoted = true;
    p += slashes + 1;
  }
  if (view.at(p) === 0x5d || (view.at(p) === 0x23 && !quoted)) p += 1;
  if (before === 0x3c || (quoted && view.at(p) === 0x3e)) {
    const text = elementText(view, p);
    if (text >= 0) return untilMarkup(view, text, slot);
  }
  const emphasis = before === 0x2a ? view.run(STAR, p, 3) : p;
  const gapEnd = blanks(view, emphasis);
  const byte = view.at(gapEnd);
  switch (byte) {
    case 0x3d:
    case 0x3a:
    case 0x3f:
    case 0x2b:
      return afterOperator(view, key, gapEnd, slot);
    case 0x3c:
      return afterAngle(view, gapEnd, slot);
    case 0x28:
      return !quoted && QUOTE[view.at(gapEnd + 1)] === 1 && readQuoted(view, gapEnd + 1, slot);
    case 0x2c:
      return quoted && gapEnd === p && afterComma(view, keyStart, gapEnd + 1, slot);
    case 0x7c:
      if (view.at(gapEnd + 1) === 0x7c) return fallback(view, gapEnd + 2, slot);
      return !quoted && expandedRow(view, keyStart, gapEnd, slot);
    case 0x0a:
    case 0x0d:
      return (quoted && formPart(view, keyStart, gapEnd, slot)) || pairedValue(view, gapEnd, slot);
    default:
      break;
  }
  if (gapEnd === p) return false;
  if (view.is(QUOTE, gapEnd)) return !quoted && view.at(gapEnd) !== 0x60 && readQuoted(view, gapEnd, slot);
  if (quoted) return attributeValue(view, gapEnd, slot);
  return afterBlank(view, key, keyEnd, gapEnd, slot);
}

const STAR = byteClass('*');

/** `process.env.TOKEN || "…"`, `ENV["TOKEN"] ||= "…"`, `token ?? "…"`: a default is a value too. */
function fallback(view: View, at: number, slot: ValueSlot): boolean {
  const p = blanks(view, view.at(at) === 0x3d ? at + 1 : at);
  return view.is(QUOTE, p) && readQuoted(view, p, slot);
}

const NAME_ATTRIBUTE = asciiBytes('name=');

/** A part of a multipart form (RFC 7578): `name="key"`, an empty line, the value on a line of its own. */
function formPart(view: View, keyStart: number, at: number, slot: ValueSlot): boolean {
  if (!view.hasFolded(NAME_ATTRIBUTE, keyStart - 1 - NAME_ATTRIBUTE.length)) return false;
  const first = view.at(at) === 0x0d ? at + 1 : at;
  const second = view.at(first + 1) === 0x0d ? first + 2 : first + 1;
  if (view.at(first) !== 0x0a || view.at(second) !== 0x0a) return false;
  return slot.set(second + 1, view.run(LINE, second + 1, LONGEST_VALUE), 'cell');
}

const FLAT_OBJECT = byteClass('^{}[\\]');

/** `"db_password": {"sensitive": true, "type": "string", "value": "…"}`: the value of a flat object. */
function valueInObject(view: View, at: number, slot: ValueSlot): boolean {
  const end = view.run(FLAT_OBJECT, at, 160);
  for (let p = at; p < end; p += 1) {
    if (!view.is(QUOTE, p) || !view.hasFolded(VALUE_NAME, p + 1)) continue;
    const slashes = backslashes(view, p + 1 + VALUE_NAME.length);
    if (!view.is(QUOTE, p + 1 + VALUE_NAME.length + slashes)) continue;
    return namedValue(view, p + 1, slot);
  }
  return false;
}

function backslashes(view: View, at: number): number {
  let n = 0;
  while (n < 8 && view.at(at + n) === 0x5c) n += 1;
  return n;
}

const END_TAG = asciiBytes('</key>');
const STRING_TAG = asciiBytes('<string>');

/** `key <- "…"` of R, and `<key>…</key><string>…</string>` of a property list. */
function afterAngle(view: View, at: number, slot: ValueSlot): boolean {
  if (view.at(at + 1) === 0x2d) return fallback(view, at + 2, slot);
  if (!view.has(END_TAG, at)) return false;
  const next = view.run(SPACE_CLASS, at + END_TAG.length, 64);
  return view.has(STRING_TAG, next) && untilMarkup(view, next + STRING_TAG.length, slot);
}

const NOT_TAG = byteClass('^<>\\n');

/** After the name of an XML element: where its text starts, or -1. */
function elementText(view: View, at: number): number {
  const end = view.run(NOT_TAG, at, 128);
  if (view.at(end) !== 0x3e || view.at(end - 1) === 0x2f) return -1;
  return end + 1;
}

const ELEMENT_TEXT = byteClass('^<\\n');
const CDATA = asciiBytes('<![CDATA[');

function untilMarkup(view: View, at: number, slot: ValueSlot): boolean {
  const start = view.has(CDATA, at) ? at + CDATA.length : blanks(view, at);
  let end = view.run(ELEMENT_TEXT, start, LONGEST_VALUE);
  if (view.at(end) !== 0x3c) return false;
  if (start > at && view.at(end - 3) === 0x5d && view.at(end - 1) === 0x3e) end -= 3;
  return slot.set(start, trimEnd(view, start, end), 'cell');
}

function trimEnd(view: View, start: number, end: number): number {
  return Math.max(start, view.runBack(BLANK, end, end - start));
}

function afterOperator(view: View, key: Key, at: number, slot: ValueSlot): boolean {
  const first = view.at(at);
  let p = at + 1;
  const second = view.at(p);
  if (first === 0x3a && (second === 0x3a || (second === 0x3f && view.at(key.start - 1) === 0x7b)))
    return false;
  if (first === 0x3a && view.at(key.start - 1) === 0x3a && isResourceName(view, key.start)) return false;
  const isDefault = first === 0x3a && second === 0x2d && view.at(key.start - 1) === 0x7b;
  if (isDefault) p += 1;
  if (first === 0x3f && second === 0x3f) return fallback(view, p + 1, slot);
  if (first === 0x3f || first === 0x2b) {
    if (second !== 0x3d && second !== 0x3a) return false;
    p += 1;
  } else if (first === 0x3d && (second === 0x3d || second === 0x7e)) return false;
  else if ((first === 0x3a && second === 0x3d) || (first === 0x3d && second === 0x3e)) p += 1;
  if (view.at(key.start - 1) === 0x2a) p = view.run(STAR, p, 3);
  p = blanks(view, p);
  if (view.at(p) === 0x7b && valueInObject(view, p + 1, slot)) return true;
  if (first === 0x3a && (view.is(LETTER, p) || view.at(p) === 0x26)) {
    const typed = afterType(view, p);
    if (typed >= 0) return readQuoted(view, typed, slot);
  }
  // `${DB_PASSWORD:-postgres}`: a word is what the image documents; anything else somebody chose.
  return readAny(view, key, p, first, slot) && !(isDefault && view.run(LETTER, slot.start, 64) >= slot.end);
}

/** `arn:aws:secretsmanager:eu-west-1:1234:secret:prod/db`: what follows a word in a name of many parts is a part. */
function isResourceName(view: View, keyStart: number): boolean {
  const start = view.runBack(UNBROKEN, keyStart, 200);
  return /^(?:arn|urn|crn|ocid1|secret|projects?):/i.test(view.text(start, start + 10));
}

const UNBROKEN = byteClass('^\\s"\'`=,;(){}<>');

const TYPE = byteClass("\\w<>&\\[\\]|?. '");

/** `key: Type = "value"`: where the quote stands, or -1. */
function afterType(view: View, at: number): number {
  const end = view.run(TYPE, at, 48);
  if (view.at(end) !== 0x3d || view.at(end + 1) === 0x3d) return -1;
  const quote = blanks(view, end + 1);
  return view.is(QUOTE, quote) ? quote : -1;
}

const STRING_PREFIX = byteClass('bBfFrRuU@$NL');

function readAny(view: View, key: Key, at: number, operator: number, slot: ValueSlot): boolean {
  let p = at;
  const prefix = view.run(STRING_PREFIX, p, 2);
  if (prefix > p && view.is(QUOTE, prefix)) p = prefix;
  const slashes = backslashes(view, p);
  if (view.is(QUOTE, p + slashes)) return readQuoted(view, p, slot);
  return readWrapped(view, at, slot) || readBare(view, key, at, operator, slot);
}

const CALLEE = byteClass('\\w.:\\[\\] ');
/** Functions that only change how a text is held; one that looks something up takes a name, not a value. */
const CONVERTS =
  /(?:bytes?|from|of|string|str|buffer|keyspec|secret|secretstr|some|sensitive|decode|encode|fromhex|utf8|raw|ascii|securestring|credential|unhex|ptr|pointer|literal)$/i;

/** `[]byte("…")`, `Buffer.from('…')`, `new SecretKeySpec("…")`, `Some("…")`: a literal inside a conversion. */
function readWrapped(view: View, at: number, slot: ValueSlot): boolean {
  const open = view.run(CALLEE, at, 48);
  if (open === at || view.at(open) !== 0x28) return false;
  const slashes = backslashes(view, open + 1);
  if (!view.is(QUOTE, open + 1 + slashes) || !CONVERTS.test(view.text(at, open))) return false;
  if (!readQuoted(view, open + 1, slot)) return false;
  slot.form = 'pair';
  return true;
}

/** A string literal: `at` is its opening quote, or the backslashes before it when it is itself inside a string. */
export function readQuoted(view: View, at: number, slot: ValueSlot): boolean {
  const depth = backslashes(view, at);
  const quote = view.at(at + depth);
  let p = at + depth + 1;
  if (depth === 0 && view.at(p) === quote) {
    if (view.at(p + 1) !== quote) return false;
    return tripleQuoted(view, p + 2, quote, slot);
  }
  const start = p;
  const limit = start + LONGEST_VALUE;
  while (p < limit) {
    const byte = view.at(p);
    if (byte < 0) return slot.set(start, p, 'quoted');
    if (byte === 0x0a && quote !== 0x60) return false;
    if (byte === 0x27 && quote === 0x27 && depth === 0 && view.at(p + 1) === 0x27 && p > start) {
      p += 2;
      continue;
    }
    if (byte === quote && (depth === 0 || p > start)) return slot.set(start, p, 'quoted');
    if (byte === 0x5c) {
      const n = backslashes(view, p);
      if (depth > 0 && n <= depth && view.at(p + n) === quote) return slot.set(start, p, 'quoted');
      p += n % 2 === 1 || depth > 0 ? n + 1 : n;
    } else p += 1;
  }
  return p === limit && view.runBack(TOKEN_CHAR, p, 64) === p - 64 && slot.set(start, p, 'quoted');
}

const TOKEN_CHAR = byteClass('\\w+/-');

function tripleQuoted(view: View, at: number, quote: number, slot: ValueSlot): boolean {
  for (let p = at; p < at + LONGEST_VALUE; p += 1) {
    const byte = view.at(p);
    if (byte < 0) return false;
    if (byte === quote && view.at(p + 1) === quote && view.at(p + 2) === quote)
      return slot.set(at, p, 'quoted');
  }
  return false;
}

const LINE = byteClass('^\\n\\r');
const BARE = byteClass('^\\s"\'`<>&;,)}\\]|\\\\\x1b');
const FORM = byteClass('^\\s"\'`<>&;#,)}\\]|\\\\\x1b');
const PAIR = byteClass('^\\s"\'`;\\\\\x1b');
const WORD_OF_LINE = byteClass('^\\s"\\\\\x1b');

function readBare(view: View, key: Key, at: number, operator: number, slot: ValueSlot): boolean {
  const { start: keyStart, own } = key;
  const before = view.at(keyStart - 1);
  if (before === 0x26 || before === 0x3f) {
    if (operator === 0x3d) return slot.set(at, view.run(FORM, at, LONGEST_VALUE), 'line');
  }
  if (before === 0x3b) return slot.set(at, view.run(PAIR, at, LONGEST_VALUE), 'line');
  if (view.at(own) === 0x2d) return slot.set(at, view.run(BARE, at, LONGEST_VALUE), 'line');
  if (!startsLine(view, keyStart)) {
    const end = view.run(BARE, at, LONGEST_VALUE);
    return slot.set(at, trimSentence(view, at, end), operator === 0x3a ? 'prose' : 'inline');
  }
  const wordEnd = beforeNextField(view, at, view.run(WORD_OF_LINE, at, LONGEST_VALUE));
  const rest = blanks(view, wordEnd);
  const next = view.at(rest);
  const alone = next < 0 || next === 0x0a || next === 0x0d || next === 0x5c || next === 0x22;
  const comment = rest > wordEnd && (next === 0x23 || next === 0x3b || next === 0x2f);
  const trailing = view.at(wordEnd - 1);
  if (trailing === 0x2c || trailing === 0x3b) return slot.set(at, Math.max(at, wordEnd - 1), 'inline');
  return slot.set(at, wordEnd, alone || comment ? 'line' : operator === 0x3a ? 'prose' : 'inline');
}

/** `a=1&token_type=x`: a form's field ends where the next begins. */
function beforeNextField(view: View, start: number, end: number): number {
  for (let p = start; p < end; p += 1) {
    if (view.bytes[p] !== 0x26) continue;
    const name = view.run(FIELD_NAME, p + 1, 40);
    if (name > p + 1 && name < end && view.at(name) === 0x3d) return p;
  }
  return end;
}

const FIELD_NAME = byteClass('\\w');

/** A full stop, comma or colon that ends a sentence is not part of the value. */
function trimSentence(view: View, start: number, end: number): number {
  const last = view.at(end - 1);
  const sentence = last === 0x2e || last === 0x3a || last === 0x3f;
  return sentence &&
    end - start > 1 &&
    (view.at(end) < 0 || BLANK[view.at(end)] === 1 || view.at(end) === 0x0a)
    ? end - 1
    : end;
}

const LINE_MARK = byteClass('-#+>');

/** Whether only indentation, a list dash, a comment's, quote's or diff's mark stands before the key on its line. */
export function startsLine(view: View, keyStart: number): boolean {
  let p = view.runBack(BLANK, keyStart, 64);
  if (LINE_MARK[view.at(p - 1)] === 1) p = view.runBack(BLANK, p - 1, 64);
  const before = view.at(p - 1);
  return (
    before < 0 ||
    before === 0x0a ||
    before === 0x0d ||
    (before === 0x6e && view.at(p - 2) === 0x5c) ||
    before === 0x5c
  );
}

const NAME_BEFORE = /(?:name|key)\\{0,3}["']\s*:\s*\\{0,3}["']$/i;
const SPACES_AND_BREAKS = byteClass('\\s\\\\n');
const VALUE_NAME = asciiBytes('value');

/** `{"name": "DB_PASSWORD", "value": "…"}`, `("password", "…")`, `["--password", "…"]`. */
function afterComma(view: View, keyStart: number, at: number, slot: ValueSlot): boolean {
  const p = view.run(SPACES_AND_BREAKS, at, 64);
  const slashes = backslashes(view, p);
  if (!view.is(QUOTE, p + slashes)) return false;
  if (view.hasFolded(VALUE_NAME, p + slashes + 1)) return namedValue(view, p + slashes + 1, slot);
  if (NAME_BEFORE.test(view.text(keyStart - 14, keyStart)) && valueInObject(view, p, slot)) return true;
  if (!readQuoted(view, p, slot)) return false;
  if (view.at(keyStart) === 0x2d) return true;
  slot.form = 'pair';
  return isCall(view, keyStart, slot.end);
}

/** Two strings are a key and its value where they open a call's arguments or fill a list; elsewhere they are words. */
function isCall(view: View, keyStart: number, valueEnd: number): boolean {
  const open = view.runBack(BEFORE_STRING, keyStart, 24);
  const close = view.run(BEFORE_STRING, valueEnd, 24);
  const after = view.at(close);
  if (view.at(open - 1) === 0x28) return after === 0x29 || after === 0x2c;
  return view.at(open - 1) === 0x5b && after === 0x5d;
}

const BEFORE_STRING = byteClass('\\s"\'`\\\\');

function namedValue(view: View, at: number, slot: ValueSlot): boolean {
  let p = at + VALUE_NAME.length;
  const slashes = backslashes(view, p);
  if (view.is(QUOTE, p + slashes)) p += slashes + 1;
  p = blanks(view, p);
  if (view.at(p) !== 0x3a && view.at(p) !== 0x3d) return false;
  p = blanks(view, p + 1);
  if (view.is(QUOTE, p + backslashes(view, p))) return readQuoted(view, p, slot);
  return slot.set(p, view.run(BARE, p, LONGEST_VALUE), 'line');
}

/** `- name: DB_PASSWORD` and on the next line `value: …`. */
function pairedValue(view: View, at: number, slot: ValueSlot): boolean {
  const p = view.run(SPACES_AND_BREAKS, at, 64);
  return view.hasFolded(VALUE_NAME, p) && namedValue(view, p, slot);
}

/** `name="password" value="…"`. */
function attributeValue(view: View, at: number, slot: ValueSlot): boolean {
  return view.hasFolded(VALUE_NAME, at) && namedValue(view, at, slot);
}

/** psql's expanded display: `password | …`, nothing else on the line. */
function expandedRow(view: View, keyStart: number, bar: number, slot: ValueSlot): boolean {
  if (!startsLine(view, keyStart) || view.at(bar + 1) !== 0x20) return false;
  const start = blanks(view, bar + 1);
  const end = view.run(LINE, start, LONGEST_VALUE);
  for (let i = start; i < end; i += 1) if (view.at(i) === 0x7c) return false;
  return slot.set(start, trimEnd(view, start, end), 'cell');
}

const SPOKEN = byteClass('^\\s"\'`<>\\\\\x1b');
const PUNCTUATION = byteClass('.,;:?)\\]}');

function trimPunctuation(view: View, start: number, end: number): number {
  return Math.max(start + 1, view.runBack(PUNCTUATION, end, end - start));
}

/** The longer before the shorter they start with. */
const IS = [
  'has been set to ',
  'has been changed to ',
  'has been reset to ',
  'is set to ',
  'was set to ',
  'set to ',
  'changed to ',
  'reset to ',
  'is now ',
  'is ',
  'was ',
  'is: ',
  '= ',
].map(asciiBytes);
const LOGIN = asciiBytes('login');
const ENV = asciiBytes('env ');
/** fish, csh, `heroku config:set`, `aws configure set`, `redis CONFIG SET`. */
const SETTER = /(?:^|[\s;&])(?:set +-[A-Za-z]+|setenv|config(?:ure)? set) +$/i;
const PASS = asciiBytes('passw');
const REQUIRE_PASS = ['requirepass', 'masterauth', '_authtoken'].map(asciiBytes);

/** A value after nothing but a blank: flags, netrc, Dockerfile ENV, redis.conf, and "is" in prose. */
function afterBlank(view: View, key: Key, keyEnd: number, at: number, slot: ValueSlot): boolean {
  const keyStart = key.own;
  for (const word of IS) {
    if (!view.hasFolded(word, at)) continue;
    const start = blanks(view, at + word.length);
    if (view.is(QUOTE, start)) return readQuoted(view, start, slot);
    const end = view.run(SPOKEN, start, LONGEST_VALUE);
    return slot.set(start, trimPunctuation(view, start, end), 'prose');
  }
  if (view.at(at) === 0x2d) return false;
  const bare = () => slot.set(at, view.run(BARE, at, LONGEST_VALUE), 'inline');
  if (view.at(keyStart) === 0x2d) return bare();
  if (view.hasFolded(ENV, key.start) || SETTER.test(view.text(keyStart - 20, keyStart))) return bare();
  if (REQUIRE_PASS.some((word) => view.hasFolded(word, keyStart) && keyEnd - keyStart === word.length))
    return slot.set(at, view.run(BARE, at, LONGEST_VALUE), 'line');
  if (followsLogin(view, keyStart)) return slot.set(at, view.run(SPOKEN, at, LONGEST_VALUE), 'line');
  if (view.hasFolded(PASS, keyStart)) {
    const end = view.run(SPOKEN, at, 128);
    return end >= at + 8 && slot.set(at, end, 'loose');
  }
  return (
    (looksLikeNumber(view, at) || view.run(ALNUM, at, 20) === at + 20) &&
    slot.set(at, view.run(BARE, at, LONGEST_VALUE), 'loose')
  );
}

/** "passport C01X00T47": a digit within the first two characters, for identifiers named in running text. */
function looksLikeNumber(view: View, at: number): boolean {
  const first = view.at(at);
  if (first === 0x23 || first === 0x2b || first === 0x28) return view.is(DIGIT, at + 1);
  return view.is(DIGIT, at) || (view.is(UPPER, at) && (view.is(DIGIT, at + 1) || view.is(UPPER, at + 1)));
}

const NOT_SPACE = byteClass('^\\s');

/** `login alice password …` of a .netrc, on one line or two. */
function followsLogin(view: View, keyStart: number): boolean {
  const name = view.runBack(SPACE_CLASS, keyStart, 8);
  const nameStart = view.runBack(NOT_SPACE, name, 64);
  const word = view.runBack(SPACE_CLASS, nameStart, 8);
  return view.hasFolded(LOGIN, word - LOGIN.length);
}

const SPACE_CLASS = byteClass('\\s');

/** Whether the byte could go on a word. */
export const joinsWord = (byte: number): boolean => byte >= 0 && ALNUM[byte] === 1;
