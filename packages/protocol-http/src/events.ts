import { RefusalError, refuse } from '@scrim/model';
import type { Piece, Texts } from '@scrim/protocol-kit';
import { asBuffer, EMPTY } from './runs.ts';

/**
 * Events of an API nobody wrote a dialect for: the data of each is one text, JSON where it begins like it, decided when
 * its event ends. A value that such an API cuts over several events is not put together again.
 */
export class PlainEvents {
  event(bytes: Buffer): readonly Texts[] {
    const lines = linesOf(bytes);
    const data = lines.filter((line) => line.field === 'data');
    const pieces: Piece[] = [];
    if (data.length > 0) {
      const text = Buffer.from(data.map((line) => line.value).join('\n'));
      const form = /^\s*[[{"]/.test(text.toString('utf8', 0, 64)) ? 'json' : 'text';
      pieces.push({ channel: 0, form, name: 'event.data', bytes: text, last: true });
    }
    for (const line of lines) {
      if (line.field === 'data' || line.value === '') continue;
      const value = Buffer.from(line.value);
      pieces.push({
        channel: pieces.length + 1,
        form: 'text',
        name: `event.${line.field || 'comment'}`,
        bytes: value,
        last: true,
      });
    }
    return [{ pieces, rewrite: (texts) => rewriteEvent(lines, data.length > 0, texts) }];
  }

  end(): readonly Texts[] {
    return [];
  }
}

interface EventLine {
  readonly field: string;
  readonly value: string;
}

function linesOf(bytes: Buffer): EventLine[] {
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  return text
    .split(/\r\n|\n|\r/)
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      if (colon < 0) return { field: line, value: '' };
      return { field: line.slice(0, colon), value: line.slice(colon + 1).replace(/^ /, '') };
    });
}

function rewriteEvent(lines: readonly EventLine[], hasData: boolean, texts: readonly Uint8Array[]): Buffer {
  let next = hasData ? 1 : 0;
  let out = '';
  let dataDone = false;
  for (const { field, value } of lines) {
    if (field === 'data') {
      if (dataDone) continue;
      dataDone = true;
      for (const line of asBuffer(texts[0] ?? EMPTY)
        .toString('utf8')
        .split('\n'))
        out += `data: ${line}\n`;
      continue;
    }
    const shown =
      value === ''
        ? ''
        : asBuffer(texts[next++] ?? EMPTY)
            .toString('utf8')
            .replace(/[\r\n]/g, ' ');
    out += `${field}: ${shown}\n`;
  }
  return Buffer.from(`${out}\n`);
}

/** What a reader threw, as a refusal: the answer cannot be read, so it is not shown. */
export function unreadable(error: unknown): RefusalError {
  if (error instanceof RefusalError) return error;
  if (error instanceof RangeError) {
    return refuse('SCRIM_LIMIT', {
      message: 'an event of the answer is too long to be inspected',
      cause: error,
    });
  }
  return refuse('SCRIM_UNMASKABLE', {
    message: "the target's answer is not what its API says",
    hint: "look at the target, or leave the connection's dialect out",
    cause: error,
  });
}
