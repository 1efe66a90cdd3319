import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { formatProblem, readDocument, type ScrimDocument } from '@scrim/model';
import { Failure } from './failure.ts';

/** File references (`file:` of secrets, `ca:` of TLS) mean "beside the document"; the edge runs elsewhere, so they are made
 * absolute here. */
function absoluteFiles(value: unknown, folder: string): unknown {
  if (Array.isArray(value)) return value.map((it) => absoluteFiles(it, folder));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, it]) => {
    const names = key === 'file' || (key === 'ca' && typeof it === 'string' && !it.includes('-----BEGIN'));
    const path = names && typeof it === 'string' && !isAbsolute(it);
    return [key, path ? resolve(folder, it) : absoluteFiles(it, folder)];
  });
  return Object.fromEntries(entries);
}

/** Reads and checks a scrim/v1 file. Throws a Failure with every problem, each with file, line and mend. */
export function loadDocument(file: string): ScrimDocument {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(
      `cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`,
      'name a readable file with -f',
      2,
    );
  }
  const result = readDocument(text, file);
  if (!result.ok) {
    throw new Failure(
      result.problems.map(formatProblem).join('\n'),
      'mend the lines above and run it again',
      2,
    );
  }
  return absoluteFiles(result.document, dirname(resolve(file))) as ScrimDocument;
}
