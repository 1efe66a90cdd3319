import { asciiBytes, BLANK, byteClass } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { decodeBase64, isPrintable } from '../../validators/base64.ts';

const BASE64 = byteClass('A-Za-z0-9+/=');
const LINE = byteClass('^\\n');
const KEY = byteClass('\\w.-');
/** How much of a manifest is read for its data. */
const REACH = 6000;

type Adder = { add(start: number, end: number): void };

/** A manifest of kind Secret written as YAML: every value below `data:` and `stringData:`. */
const afterKind: Verifier = (view, at, found) => {
  const limit = at + REACH;
  let p = view.run(LINE, at, REACH);
  while (p < limit && view.at(p) === 0x0a) {
    p += 1;
    if (view.has(SEPARATOR, p) || view.has(KIND, p)) return;
    const section = sectionAt(view, p);
    if (section === null) {
      p = view.run(LINE, p, REACH);
      continue;
    }
    p = readEntries(view, view.run(LINE, p, REACH) + 1, section === 'data', found) - 1;
  }
};

const SEPARATOR = asciiBytes('---');
const KIND = asciiBytes('kind:');
const DATA = asciiBytes('data:');
const STRING_DATA = asciiBytes('stringData:');

function sectionAt(view: View, lineStart: number): 'data' | 'stringData' | null {
  const p = view.run(BLANK, lineStart, 16);
  if (view.has(DATA, p)) return 'data';
  return view.has(STRING_DATA, p) ? 'stringData' : null;
}

/** Reads indented `key: value` lines; returns where the section ends. */
function readEntries(view: View, at: number, encoded: boolean, found: Adder): number {
  const indent = view.run(BLANK, at, 32) - at;
  if (indent === 0) return at;
  let line = at;
  while (view.run(BLANK, line, 32) - line === indent && line < at + REACH) {
    const keyEnd = view.run(KEY, line + indent, 128);
    const lineEnd = view.run(LINE, line, REACH);
    if (keyEnd === line + indent || view.at(keyEnd) !== 0x3a) return line;
    addEntry(view, view.run(BLANK, keyEnd + 1, 4), lineEnd, encoded, found);
    if (view.at(lineEnd) < 0) return lineEnd;
    line = lineEnd + 1;
  }
  return line;
}

function addEntry(view: View, start: number, lineEnd: number, encoded: boolean, found: Adder): void {
  let from = start;
  let end = lineEnd;
  if (view.at(end - 1) === 0x0d) end -= 1;
  const quote = view.at(from);
  if ((quote === 0x22 || quote === 0x27) && view.at(end - 1) === quote && end - from > 1) {
    from += 1;
    end -= 1;
  }
  if (view.at(from) === 0x5b && view.at(end - 1) === 0x5d) return;
  if (encoded ? isEncoded(view, from, end) : end - from > 2) found.add(from, end);
}

function isEncoded(view: View, start: number, end: number): boolean {
  if (end - start < 4 || view.run(BASE64, start, end - start) !== end) return false;
  return (end - start) % 4 === 0;
}

/** `kubectl get secret -o yaml` prints the data before the kind: values there must decode to text to count. */
const afterVersion: Verifier = (view, at, found) => {
  let p = view.run(LINE, at, 80);
  if (view.at(p) !== 0x0a) return;
  p += 1;
  if (sectionAt(view, p) !== 'data') return;
  const start = view.run(LINE, p, 80) + 1;
  const entries: [number, number][] = [];
  const end = readEntries(view, start, true, { add: (s, e) => entries.push([s, e]) });
  if (
    !view.hasFolded(KIND_SECRET, view.run(BLANK, end, 8)) &&
    !entries.every(([s, e]) => decodes(view, s, e))
  )
    return;
  for (const [s, e] of entries) found.add(s, e);
};

const KIND_SECRET = asciiBytes('kind: secret');

function decodes(view: View, start: number, end: number): boolean {
  const decoded = decodeBase64(view.text(start, end));
  return decoded !== null && isPrintable(decoded) && decoded.length >= 4;
}

/** `"data":{"key":"base64",…}` of an API answer or a last-applied annotation, quotes escaped or not. */
const jsonData: Verifier = (view, at, found) => {
  let p = at + 5;
  while (view.at(p) === 0x5c || view.at(p) === 0x22 || view.at(p) === 0x3a || view.at(p) === 0x20) p += 1;
  if (view.at(p) !== 0x7b) return;
  p += 1;
  const entries: [number, number][] = [];
  for (let n = 0; n < 64; n += 1) {
    p = view.run(JSON_GAP, p, 64);
    const keyEnd = view.run(KEY, p, 128);
    if (keyEnd === p) return;
    const start = view.run(JSON_COLON, keyEnd, 16);
    const end = view.run(BASE64, start, 4096);
    if (end - start < 4 || (end - start) % 4 !== 0) return;
    if (view.at(end) !== 0x22 && view.at(end) !== 0x5c) return;
    entries.push([start, end]);
    p = end;
    while (view.at(p) === 0x5c || view.at(p) === 0x22) p += 1;
    p = view.run(BLANK_LINES, p, 64);
    if (view.at(p) !== 0x2c) break;
    p += 1;
  }
  if (view.at(p) !== 0x7d || entries.length === 0) return;
  const named = nearby(view, at, p);
  if (!named && !entries.every(([s, e]) => decodes(view, s, e) && e - s >= 8)) return;
  if (!named && !isApiObject(view, at)) return;
  for (const [s, e] of entries) found.add(s, e);
};

/** A registry's credentials as Kubernetes and CI variables hold them: base64 of `{"auths":…}`. */
const dockerConfig: Verifier = (view, at, found) => {
  const start = view.run(JSON_COLON, view.run(KEY, at, 32), 8);
  const end = view.run(BASE64, start, 8000);
  if (end - start < 16) return;
  const head = decodeBase64(view.text(start, Math.min(end, start + 64)).replace(/=+$/, ''));
  if (head !== null && /auth/.test(head)) found.add(start, end);
};

const JSON_GAP = byteClass('\\s"\\\\');
const JSON_COLON = byteClass(' :"\\\\');
const BLANK_LINES = byteClass('\\s');

function nearby(view: View, at: number, end: number): boolean {
  return (
    /kind\\*"\s*:\s*\\*"Secret/.test(view.text(at - 300, at)) ||
    /^[^{]{0,40}kind\\*"\s*:\s*\\*"Secret/.test(view.text(end, end + 60))
  );
}

const isApiObject = (view: View, at: number): boolean =>
  /apiVersion\\*"\s*:\s*\\*"v1\\*",\s*\\*"?$/.test(view.text(at - 60, at));

const encodedPassword = btoa('kT8s-secret-31');

export const KUBERNETES: Detector = {
  id: 'secrets.kubernetes',
  group: 'secrets',
  packs: ['secrets'],
  description: 'Values of Kubernetes Secret objects, base64 or plain, in YAML and JSON',
  source: 'https://kubernetes.io/docs/concepts/configuration/secret/',
  rank: 62,
  examples: () => ({
    positive: [
      { text: `apiVersion: v1\nkind: Secret\ndata:\n  db-pw: ${encodedPassword}\n`, value: encodedPassword },
      {
        text: `{"apiVersion":"v1","data":{"db":"${encodedPassword}"},"kind":"Secret"}`,
        value: encodedPassword,
      },
    ],
    negative: ['apiVersion: v1\nkind: ConfigMap\ndata:\n  mode: fast\n  level: "3"\n'],
  }),
  literals: [
    { anchors: ['kind: Secret'], verify: afterKind },
    { anchors: ['apiVersion: v1'], verify: afterVersion },
    { anchors: ['"data'], verify: jsonData },
    { anchors: ['dockerconfigjson', 'docker_auth_config', 'dockercfg'], verify: dockerConfig },
  ],
};
