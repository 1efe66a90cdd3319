import { asciiBytes, byteClass } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import { keyBlockEnd, skipBreaks } from '../../scan/flow.ts';
import { LOOK_AHEAD, type View } from '../../scan/view.ts';
import { sample } from './token.ts';

const BEGIN = asciiBytes('-----BEGIN ');
const PRIVATE = ['PRIVATE KEY-----', 'PRIVATE KEY BLOCK-----'].map(asciiBytes);
const LABEL = byteClass('A-Z0-9 ');

/** Masks the body between the BEGIN and END lines; public keys and certificates stay. */
const armoured: Verifier = (view, at, found) => {
  let p = at + BEGIN.length;
  const labelEnd = view.run(LABEL, p, 48);
  const label = view.text(p, labelEnd);
  if (!/(?:^|[A-Z0-9 ] )?PRIVATE KEY(?: BLOCK)?$/.test(label)) return;
  if (!PRIVATE.some((line) => view.has(line, labelEnd - line.length + 5))) return;
  p = skipBreaks(view, labelEnd + 5);
  const end = keyBlockEnd(view, p);
  if (end <= p) return;
  if (end - p < 16 && !isClosed(view, end)) return;
  if (isElided(view, p, end)) return;
  found.add(p, end);
  if (end - p >= LOOK_AHEAD) found.flow('key-block');
};

const isClosed = (view: View, end: number): boolean => view.at(skipBreaks(view, end)) === 0x2d;

/** `MIIE...` and the like in manuals. */
const isElided = (view: View, start: number, end: number): boolean =>
  end - start < 40 && view.at(skipBreaks(view, end)) === 0x2e;

/** A PEM file as base64 in one run, as Kubernetes, Terraform and CI variables hold it. */
const wrapped: Verifier = (view, at, found) => {
  const end = view.run(BASE64_PADDED, at, LOOK_AHEAD);
  if (end - at < 64) return;
  const head = view.text(at, at + 60);
  const decoded = atob(head.slice(0, 60));
  if (!/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY/.test(decoded)) return;
  found.add(at, end);
  if (end - at >= LOOK_AHEAD) found.flow('base64');
};

const BASE64_PADDED = byteClass('A-Za-z0-9+/=');

/** PuTTY's own format: the lines below `Private-Lines: n`. */
const putty: Verifier = (view, at, found) => {
  const start = skipBreaks(view, view.run(byteClass('0-9 '), at + 'Private-Lines:'.length, 8));
  const end = keyBlockEnd(view, start);
  if (end - start >= 16) found.add(start, end);
};

function example(): { text: string; value: string } {
  const body = [1, 2, 3].map((n) => sample('[A-Za-z0-9+/]{64}', n)).join('\n');
  const line = (word: string) => `-----${word} RSA ${'PRIVATE'} KEY-----`;
  return { text: `${line('BEGIN')}\n${body}\n${line('END')}\n`, value: body };
}

export const PRIVATE_KEY: Detector = {
  id: 'secrets.private-key',
  group: 'secrets',
  packs: ['secrets'],
  description:
    'Private keys: PEM, OpenSSH, PGP and PuTTY blocks, in lines or escaped into one; the body is masked',
  source: 'https://www.rfc-editor.org/rfc/rfc7468',
  rank: 100,
  examples: () => ({
    positive: [example()],
    negative: [example().text.replaceAll('RSA PRIVATE', 'PUBLIC'), 'starts with -----BEGIN CERTIFICATE-----'],
  }),
  literals: [
    { anchors: ['-----BEGIN '], verify: armoured },
    { anchors: ['LS0tLS1CRUdJTi'], verify: wrapped },
    { anchors: ['Private-Lines:'], verify: putty },
  ],
};
