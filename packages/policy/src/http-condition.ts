import type { BodyEntry, Facts, GuardCondition, HttpFacts } from '@scrim/model';
import { BodyPattern } from './body-pattern.ts';
import type { Condition } from './condition.ts';
import { Glob } from './glob.ts';

type HttpCondition = Extract<GuardCondition, { http: unknown }>['http'];
type ToolCondition = NonNullable<HttpCondition['tools']>[number];

/** Judges one part of a request. `every` = everything it says must meet the condition, not just something of it. */
type Part = (facts: HttpFacts, every: boolean) => boolean;

/**
 * Compiles a condition on HTTP requests. What a request does not tell (a body that was not read) touches every
 * condition on it and is covered by none.
 */
export function httpCondition(condition: HttpCondition): Condition {
  const parts = partsOf(condition);
  const meets = (facts: Facts, every: boolean): boolean =>
    facts.kind === 'http' && parts.every((part) => part(facts, every));
  return { touches: (facts) => meets(facts, false), covers: (facts) => meets(facts, true) };
}

function partsOf({ methods, path, headers, body, models, tools }: HttpCondition): Part[] {
  const parts: Part[] = [];
  if (methods) {
    const known = methods.map((method) => method.toUpperCase());
    parts.push((facts) => known.includes(facts.method.toUpperCase()));
  }
  if (path !== undefined) parts.push(pathPart(path));
  if (headers) parts.push(...Object.entries(headers).map(([name, value]) => headerPart(name, value)));
  if (body) parts.push(...Object.entries(body).map(([place, value]) => bodyPart(place, value)));
  if (models) {
    const globs = models.map((model) => new Glob(model));
    parts.push(({ model }) => model !== undefined && globs.some((glob) => glob.matches(model)));
  }
  if (tools) parts.push(toolsPart(tools.map(compileTool)));
  return parts;
}

function pathPart(path: string): Part {
  const glob = new Glob(path, '/');
  return (facts, every) => {
    const readings = [facts.path, ...(facts.otherPaths ?? [])];
    return every ? readings.every((it) => glob.matches(it)) : readings.some((it) => glob.matches(it));
  };
}

function headerPart(name: string, value: string): Part {
  const glob = new Glob(value);
  const key = name.toLowerCase();
  return ({ headers }, every) => {
    if (!headers) return !every;
    const said = headers[key];
    return said !== undefined && glob.matches(said);
  };
}

function bodyPart(place: string, value: string): Part {
  const pattern = new BodyPattern(place);
  const glob = new Glob(value);
  return ({ body }, every) => {
    if (!body) return !every;
    const meant = body.filter((entry) => pattern.means(entry.path));
    const fits = (entry: BodyEntry) => glob.matches(entry.value);
    return meant.length > 0 && (every ? meant.every(fits) : meant.some(fits));
  };
}

interface Tool {
  readonly name: Glob;
  /** Absent = the tool is meant however it is called, and also where it is only offered. */
  readonly arguments?: readonly { readonly pattern: BodyPattern; readonly glob: Glob }[];
}

function compileTool(tool: ToolCondition): Tool {
  if (typeof tool === 'string') return { name: new Glob(tool) };
  if (!tool.arguments) return { name: new Glob(tool.name) };
  const entries = Object.entries(tool.arguments);
  return {
    name: new Glob(tool.name),
    arguments: entries.map(([place, value]) => ({ pattern: new BodyPattern(place), glob: new Glob(value) })),
  };
}

function toolsPart(tools: readonly Tool[]): Part {
  return (facts, every) => {
    const offered = facts.tools ?? [];
    const calls = facts.calls ?? [];
    const listed = (name: string) => tools.some((tool) => !tool.arguments && tool.name.matches(name));
    const called = (call: { name: string; arguments: string }) =>
      tools.some((tool) => tool.name.matches(call.name) && argumentsFit(tool, call.arguments, every));
    if (every) return offered.length + calls.length > 0 && offered.every(listed) && calls.every(called);
    return offered.some(listed) || calls.some(called);
  };
}

/** Arguments that are no JSON object touch every condition on them. */
function argumentsFit(tool: Tool, text: string, every: boolean): boolean {
  if (!tool.arguments) return true;
  const entries = entriesOf(text);
  if (!entries) return !every;
  return tool.arguments.every(({ pattern, glob }) =>
    entries.some(({ path, value }) => pattern.means(path) && glob.matches(value)),
  );
}

function entriesOf(text: string): readonly BodyEntry[] | undefined {
  try {
    const entries: BodyEntry[] = [];
    collect(JSON.parse(text) as unknown, [], entries);
    return entries;
  } catch {
    return undefined;
  }
}

function collect(value: unknown, path: readonly (string | number)[], into: BodyEntry[]): void {
  if (Array.isArray(value)) {
    for (const [index, one] of value.entries()) collect(one, [...path, index], into);
  } else if (value !== null && typeof value === 'object') {
    for (const [key, one] of Object.entries(value)) collect(one, [...path, key], into);
  } else into.push({ path, value: String(value) });
}
