import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import type { Span } from './grade.ts';

/** Finds with secretlint's recommended rules, as its own command would, except that no file is read. */
export async function secretlintFinder(): Promise<(text: string) => Promise<readonly Span[]>> {
  const config = {
    rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator, rules: [] }],
  };
  return async (text) => {
    const result = await lintSource({
      source: { filePath: 'text.txt', content: text, ext: '.txt', contentType: 'text' },
      options: { config, noPhysicFilePath: true, maskSecrets: false },
    });
    return result.messages.map(({ range }) => ({ start: range[0], end: range[1] }));
  };
}
