import { StringDecoder } from 'node:string_decoder';
import type { Transcriber, TranscriptItem } from '@scrim/protocol-kit';
import { frames } from './frame.ts';

const CHANNELS: Readonly<Record<string, string>> = {
  o: 'stdout',
  e: 'stderr',
  r: 'resize',
  f: 'file',
  n: 'names',
};

/** Decodes recorded SSH sessions: texts by the stream they came on, sizes of the terminal, contents of files. */
export function createTranscriber(): Transcriber {
  return new SshTranscriber();
}

class SshTranscriber implements Transcriber {
  /** A letter of several bytes may be cut by the end of a piece. */
  readonly #decoders = new Map<string, StringDecoder>();

  shape(): TranscriptItem[] {
    return [];
  }

  response(bytes: Uint8Array): TranscriptItem[] {
    const items: TranscriptItem[] = [];
    for (const { kind, bytes: content } of frames(bytes)) {
      const channel = CHANNELS[kind];
      if (channel === undefined) throw new RangeError('a recorded frame is of an unknown kind');
      const text = this.#decoder(kind).write(content);
      if (text.length > 0) items.push({ kind: 'text', text, channel });
    }
    return items;
  }

  #decoder(kind: string): StringDecoder {
    let decoder = this.#decoders.get(kind);
    if (!decoder) {
      decoder = new StringDecoder('utf8');
      this.#decoders.set(kind, decoder);
    }
    return decoder;
  }
}
