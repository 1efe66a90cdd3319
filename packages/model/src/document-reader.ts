import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLError,
} from 'yaml';
import type { ZodType } from 'zod';
import { documentSchema, type ScrimDocument } from './document.ts';
import { findingsOf } from './document-issues.ts';
import { type Finding, locate, type Positions, type Problem, type ProblemPath } from './document-problem.ts';

/** Characters of a document; a longer one is refused unread. */
export const MAX_DOCUMENT = 4 * 1024 * 1024;
/** How often aliases may be expanded, so that a small file cannot become a huge one. */
const MAX_ALIASES = 1_000;

export type ReadYaml<T> =
  | { readonly ok: true; readonly document: T; readonly positions: Positions }
  | { readonly ok: false; readonly problems: readonly Problem[] };
export type ReadDocument = ReadYaml<ScrimDocument>;

/**
 * Reads the one file of DESIGN section 11. Every problem names file, line, column, path and mend; `file` is only
 * used in messages. What is returned is complete: defaults are filled in.
 */
export function readDocument(text: string, file: string): ReadDocument {
  return readYaml(text, file, documentSchema, duplicates);
}

/** The same for any YAML file of the product. `more` finds what a schema cannot say. */
export function readYaml<T>(
  text: string,
  file: string,
  schema: ZodType<T>,
  more: (value: unknown) => readonly Finding[] = () => [],
): ReadYaml<T> {
  if (text.length > MAX_DOCUMENT) {
    const finding = {
      path: [],
      message: 'the file is longer than 4 MiB',
      mend: 'split it into several files',
    };
    return { ok: false, problems: [locate(finding, file)] };
  }
  const lines = new LineCounter();
  const parsed = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: false,
  });
  if (parsed.errors.length > 0) {
    return { ok: false, problems: parsed.errors.map((error) => syntaxProblem(error, file, lines)) };
  }
  const positions = new TextPositions(parsed, lines);
  const value = plainValue(parsed);
  if (value instanceof Error) {
    const endless = value.message.includes('Excessive');
    const message = endless ? 'aliases expand without end' : 'an alias names no anchor before it';
    return {
      ok: false,
      problems: [locate({ path: [], message, mend: 'write the values out' }, file, positions)],
    };
  }
  const findings = [...findingsOf(schema, value), ...more(value)];
  if (findings.length > 0) {
    const problems = findings.map((finding) => locate(finding, file, positions));
    return { ok: false, problems: problems.sort((a, b) => a.line - b.line || a.column - b.column) };
  }
  return { ok: true, document: schema.parse(value), positions };
}

function plainValue(parsed: Document): unknown {
  try {
    return parsed.toJS({ maxAliasCount: MAX_ALIASES }) ?? null;
  } catch (error) {
    return error instanceof Error ? error : new Error('the values cannot be built');
  }
}

class TextPositions implements Positions {
  readonly #root: Document;
  readonly #lines: LineCounter;

  constructor(root: Document, lines: LineCounter) {
    this.#root = root;
    this.#lines = lines;
  }

  at(path: ProblemPath, key = false): { line: number; column: number } {
    let node: unknown = this.#root.contents;
    let offset = startOf(node) ?? 0;
    for (const [index, step] of path.entries()) {
      const found = descend(node, step);
      if (!found) break;
      const last = index === path.length - 1;
      offset =
        (last && key ? startOf(found.key) : undefined) ??
        startOf(found.value) ??
        startOf(found.key) ??
        offset;
      node = found.value;
    }
    const place = this.#lines.linePos(offset);
    return { line: place.line, column: place.col };
  }
}

function descend(node: unknown, step: string | number): { key: unknown; value: unknown } | undefined {
  if (isSeq(node) && typeof step === 'number') {
    return node.items.length > step ? { key: node.items[step], value: node.items[step] } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(
    (item) => String(isScalar(item.key) ? item.key.value : item.key) === String(step),
  );
  return pair && { key: pair.key, value: pair.value };
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** Two connections, or two policies, of one name would silently replace each other. */
function duplicates(value: unknown): Finding[] {
  const found: Finding[] = [];
  for (const list of ['connections', 'policies']) {
    const entries = (value as Record<string, unknown> | null)?.[list];
    const seen = new Set<unknown>();
    if (!Array.isArray(entries)) continue;
    entries.forEach((entry: { name?: unknown } | null, index) => {
      const name = entry?.name;
      if (typeof name !== 'string') return;
      if (seen.has(name)) {
        const message = `the name "${name}" is used twice`;
        found.push({ path: [list, index, 'name'], message, mend: `give each of the ${list} its own name` });
      }
      seen.add(name);
    });
  }
  return found;
}

const SYNTAX: Readonly<Record<string, readonly [string, string]>> = {
  TAB_AS_INDENT: ['a tab is used for indentation', 'indent with spaces'],
  DUPLICATE_KEY: ['the same key stands twice', 'keep one of them'],
  MULTIPLE_DOCS: ['there is more than one document in the file', 'remove the --- line'],
  BAD_INDENT: ['the indentation does not fit', 'align the line with its neighbours'],
  MISSING_CHAR: ['a sign is missing', 'close every quote and bracket'],
  BAD_ALIAS: ['the alias does not exist', 'write the value out'],
};

/** The parser's own words are used for what has no entry above; they describe syntax and repeat no values. */
function syntaxProblem(error: YAMLError, file: string, lines: LineCounter): Problem {
  const place = lines.linePos(error.pos[0]);
  const known = SYNTAX[error.code];
  const message = known?.[0] ?? `not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`;
  const mend = known?.[1] ?? 'check the line and the one before it';
  return { file, line: place.line, column: place.col, path: '', message, mend, severity: 'error' };
}
