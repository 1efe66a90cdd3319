import type { Transcriber, TranscriptItem } from '@scrim/protocol-kit';

const HEAD = 'HTTP/1.1 ';
const HEAD_END = '\r\n\r\n';

/** Decodes recorded answers: first the status line and headers, then the body as text, as it was shown. */
export function createTranscriber(): Transcriber {
  let head = true;
  const decoder = new TextDecoder();
  const requests = new TextDecoder();
  return {
    shape: () => {
      throw new Error('answers over HTTP have no columns');
    },
    response(bytes) {
      const items: TranscriptItem[] = [];
      let rest = bytes;
      if (head) {
        head = false;
        const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
        const end = text.indexOf(HEAD_END);
        if (text.startsWith(HEAD) && end >= 0) {
          items.push(headItem(text.slice(0, end)));
          rest = bytes.subarray(end + HEAD_END.length);
        }
      }
      if (rest.length > 0)
        items.push({ kind: 'text', text: decoder.decode(rest, { stream: true }), channel: 'body' });
      return items;
    },
    request: (bytes) => [
      { kind: 'text', text: requests.decode(bytes, { stream: true }), channel: 'request' },
    ],
  };
}

function headItem(text: string): TranscriptItem {
  const [line = '', ...headers] = text.split('\r\n');
  const fields: Record<string, string> = {};
  for (const header of headers) {
    const colon = header.indexOf(':');
    const name = header.slice(0, colon);
    const value = header.slice(colon + 1).trim();
    fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
  }
  return { kind: 'fields', severity: line.slice(HEAD.length), fields };
}
