import type { Piece } from '@scrim/protocol-kit';
import type { MessageTexts } from './document.ts';
import { textOf } from './json-text.ts';

/** One server-sent event as it stood on the wire (WHATWG HTML, 9.2.6). */
export interface SseEvent {
  /** The `event:` field. */
  readonly name: string | undefined;
  /** The `data:` lines, joined; undefined when there are none (a comment). */
  readonly data: string | undefined;
  /** Lines that are neither: comments, ids, retry times, fields nobody knows. */
  readonly others: readonly string[];
  /** The line break the event uses. */
  readonly eol: string;
}

/** An event name is an identifier of the vendor's; anything else could carry text. */
const EVENT_NAME = /^[A-Za-z][\w.-]{0,79}$/;

/**
 * @throws TypeError for bytes that are not UTF-8
 * @throws SseError for an event name that is none
 */
export function readSse(bytes: Buffer): SseEvent {
  const text = textOf(bytes).replace(/^\ufeff/, '');
  const eol = /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
  const data: string[] = [];
  const others: string[] = [];
  let name: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    else if (field === 'event' && colon !== -1) {
      if (!EVENT_NAME.test(value)) throw new SseError('an event name that is none');
      name = value;
    } else if (line !== '') others.push(line);
  }
  return { name, data: data.length === 0 ? undefined : data.join('\n'), others, eol };
}

export class SseError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'SseError';
  }
}

/** An event around other data. Line breaks between JSON tokens would end the data: they are spread over lines. */
export function writeSse(event: Pick<SseEvent, 'name' | 'others' | 'eol'>, data: string): Buffer {
  const { name, others, eol } = event;
  const lines = [
    ...others,
    ...(name === undefined ? [] : [`event: ${name}`]),
    ...data.split('\n').map((line) => `data: ${line}`),
  ];
  return Buffer.from(`${lines.join(eol)}${eol}${eol}`);
}

/**
 * An event without data: a comment that keeps the connection alive passes, but what it says is looked at, because a
 * server can write anything there. Once something is masked the line break at the end is all that is left for sure.
 */
export function commentTexts(bytes: Buffer, eol: string): MessageTexts {
  const piece: Piece = { channel: COMMENT, form: 'text', name: 'comment', bytes, last: true };
  return {
    pieces: [piece],
    uninspected: 0,
    rewrite: ([text]) => (text && bytes.equals(text) ? bytes : Buffer.from(`: ${eol}${eol}`)),
  };
}

/** Comments are a channel of their own, each one ends it. */
const COMMENT = 1;

/** A message that passes as it is: a terminator. */
export function fixedTexts(bytes: Buffer): MessageTexts {
  return { pieces: [], uninspected: 0, rewrite: () => bytes };
}
