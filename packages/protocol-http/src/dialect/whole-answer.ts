import type { WholeAnswer } from './contract.ts';
import { Document } from './document.ts';
import { textOf } from './json-text.ts';
import { sweep } from './sweep.ts';

/**
 * An answer that is not streamed. `mark` takes the texts that need more than the sweep knows.
 * @throws JsonReadError | TypeError
 */
export function wholeAnswer(
  body: Buffer,
  tokens: (document: Document) => number | undefined,
  mark?: (document: Document, nextChannel: () => number) => void,
): WholeAnswer {
  if (body.length === 0) return { pieces: [], uninspected: 0, rewrite: () => body, tokens: 0 };
  const document = new Document(textOf(body), false);
  let next = 1;
  const nextChannel = () => next++;
  mark?.(document, nextChannel);
  sweep(document, nextChannel);
  const texts = document.texts(body, (json) => Buffer.from(json));
  return {
    pieces: texts.pieces,
    uninspected: texts.uninspected,
    always: true,
    rewrite: (shown) => texts.rewrite(shown),
    tokens: tokens(document) ?? 0,
  };
}
