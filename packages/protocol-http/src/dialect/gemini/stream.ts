import type { Document, MessageTexts } from '../document.ts';
import type { JsonNode } from '../json-tree.ts';
import { ChannelReader, indexOf, membersWithout } from '../stream.ts';

/** Members of a chunk that an event of our own must not repeat. */
const OWN: ReadonlySet<string> = new Set(['candidates', 'usageMetadata', 'promptFeedback']);

/**
 * Chunks of streamGenerateContent, as server-sent events or elements of an array.
 *
 * Each chunk has whole parts, and clients join the texts of all parts of a candidate: words and thoughts are one text
 * each per candidate, over parts and chunks, until `finishReason`. A part with a signature begins no new text.
 */
export class GenerateReader extends ChannelReader {
  protected read(document: Document): readonly MessageTexts[] {
    const { root } = document;
    const tails: MessageTexts[] = [];
    this.usage = usageOf(document) ?? this.usage;
    for (const candidate of document.items(document.get(root, 'candidates'))) {
      tails.push(...this.#candidate(document, candidate));
    }
    return tails;
  }

  #candidate(document: Document, candidate: JsonNode): readonly MessageTexts[] {
    const index = indexOf(document, candidate);
    const finished = document.string(document.get(candidate, 'finishReason')) !== undefined;
    const parts = textParts(document, candidate);
    const head = membersWithout(document, document.root, OWN);
    parts.forEach(({ node, kind }, at) => {
      const last = finished && !parts.slice(at + 1).some((part) => part.kind === kind);
      const thought = kind === 'thought' ? '"thought":true,' : '';
      const carrier = () => ({
        before: `{${head}"candidates":[{"content":{"parts":[{${thought}"text":`,
        after: `}],"role":"model"},"index":${index}}]}`,
      });
      this.append(document, node, `${index}.${kind}`, 'text', `candidates.${kind}`, carrier, last);
    });
    this.#argumentParts(document, candidate, index);
    return finished ? this.close(`${index}.`) : [];
  }

  /** Arguments that come bit by bit (`partialArgs`): one text per place in them. */
  #argumentParts(document: Document, candidate: JsonNode, index: number): void {
    for (const part of document.items(document.get(document.get(candidate, 'content'), 'parts'))) {
      const call = document.get(part, 'functionCall');
      for (const partial of document.items(document.get(call, 'partialArgs'))) {
        const text = document.get(partial, 'stringValue');
        if (text?.kind !== 'string') continue;
        const path = document.string(document.get(partial, 'jsonPath')) ?? '';
        const goesOn = document.get(partial, 'willContinue')?.kind === 'true';
        const carrier = () => ({
          before:
            `{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[` +
            `{"jsonPath":${JSON.stringify(path)},"stringValue":`,
          after: `,"willContinue":true}],"willContinue":true}}],"role":"model"},"index":${index}}]}`,
        });
        this.append(document, text, `${index}.args.${path}`, 'text', 'candidates.args', carrier, !goesOn);
      }
    }
  }
}

/** Texts of a candidate's parts in order, thoughts apart from words. */
export function textParts(
  document: Document,
  candidate: JsonNode,
): readonly { readonly node: JsonNode; readonly kind: 'text' | 'thought' }[] {
  return document.items(document.get(document.get(candidate, 'content'), 'parts')).flatMap((part) => {
    const node = document.get(part, 'text');
    if (node?.kind !== 'string') return [];
    return [{ node, kind: document.get(part, 'thought')?.kind === 'true' ? 'thought' : 'text' } as const];
  });
}

export function usageOf(document: Document): number | undefined {
  const usage = document.get(document.root, 'usageMetadata');
  return document.number(document.get(usage, 'totalTokenCount'));
}
