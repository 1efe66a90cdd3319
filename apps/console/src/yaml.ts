/** Words and shapes a YAML reader would take for something other than text. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$/;
/** A size or a duration as policies write them. */
const QUANTITY = /^[1-9][0-9]*(ms|s|m|h|d|B|KiB|MiB|GiB)$/;
const NOT_TEXT = /^(true|false|null|yes|no|on|off|y|n|nan|inf)$/i;

function scalar(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value) && !NOT_TEXT.test(value)) return value;
  if (typeof value === 'string' && QUANTITY.test(value)) return value;
  // Every JSON scalar is a YAML scalar of the same value (YAML 1.2 section 1.3).
  return JSON.stringify(value) ?? 'null';
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function entries(value: object): readonly (readonly [string, unknown])[] {
  return Object.entries(value).filter(([, it]) => it !== undefined);
}

/** Small things fit a line as they do in the files people write: `{ column: customers.ssn, with: redact }`. */
const MAX_LINE = 84;

function inline(value: unknown): string {
  if (!isNested(value)) return scalar(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  const parts = entries(value).map(([key, it]) => `${scalar(key)}: ${inline(it)}`);
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

function block(value: object, indent: string): string[] {
  if (Array.isArray(value)) return value.flatMap((it) => listItem(indent, it));
  return entries(value).flatMap(([key, it]) => keyed(`${indent}${scalar(key)}: `, it, indent, indent === ''));
}

function fits(head: string, value: unknown): boolean {
  const isEmpty = isNested(value) && Object.keys(value).length === 0;
  return !isNested(value) || isEmpty || head.length + inline(value).length <= MAX_LINE;
}

function keyed(head: string, value: unknown, indent: string, isTop: boolean): string[] {
  const isFilled = isNested(value) && Object.keys(value).length > 0;
  if (!isFilled || (!isTop && fits(head, value))) return [head + inline(value)];
  return [head.trimEnd(), ...block(value, `${indent}  `)];
}

/** A long item begins beside its dash: the two columns the dash takes are the indent of what is below. */
function listItem(indent: string, value: unknown): string[] {
  const head = `${indent}- `;
  if (fits(head, value)) return [head + inline(value)];
  const [first = '', ...rest] = block(value as object, `${indent}  `);
  return [head + first.trimStart(), ...rest];
}

/** A JSON value as YAML 1.2 that reads back as the same value. */
export function yamlText(value: unknown): string {
  if (!isNested(value) || Object.keys(value).length === 0) return `${inline(value)}\n`;
  return `${block(value, '').join('\n')}\n`;
}
