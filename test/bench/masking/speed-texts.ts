import { cleanText } from './corpus.ts';
import { thirdCorpus } from './third-corpus.ts';

const STATES = ['active', 'closed', 'pending', 'on hold'];

/** Rows as a database sends them: numbers, dates, words, amounts. */
export function tableRows(bytes: number): string {
  let text = '';
  for (let i = 0; text.length < bytes; i += 1)
    text += `${100_000 + i}\t2026-0${1 + (i % 9)}-1${i % 9} 10:1${i % 6}:42\tmeadow harbor ${i % 97}\t${i % 900}.${10 + (i % 89)}\t${STATES[i % 4]}\n`;
  return text;
}

/** Answers of an API: nested objects with ids, times, amounts and words. */
export function jsonRecords(bytes: number): string {
  let text = '';
  for (let i = 0; text.length < bytes; i += 1)
    text += `${JSON.stringify({
      id: 5_000_000 + i,
      status: STATES[i % 4],
      created: `2026-03-${10 + (i % 18)}T08:${10 + (i % 49)}:00Z`,
      lines: [
        { sku: `P-${i % 900}`, quantity: i % 7, price: (i % 9000) / 100 },
        { sku: `Q-${i % 300}`, quantity: i % 3, price: (i % 700) / 100 },
      ],
      shipping: { city: 'Harbor', method: 'ground', weight: (i % 500) / 10, notes: null },
      tags: ['meadow', 'cobalt'],
    })}\n`;
  return text;
}

/** What the four kinds of text are that speed is measured on, in the order they are reported. */
export function speedTexts(bytes: number): Readonly<Record<string, string>> {
  let dirty = '';
  for (let seed = 1; dirty.length < bytes; seed += 1)
    dirty += thirdCorpus(seed, 1)
      .filter((sample) => sample.labels.length > 0)
      .map((sample) => sample.text)
      .join('\n');
  return {
    'clean logs and code': cleanText(5, bytes),
    JSON: jsonRecords(bytes).slice(0, bytes),
    'rows of SQL': tableRows(bytes).slice(0, bytes),
    'full of values': dirty.slice(0, bytes),
  };
}
