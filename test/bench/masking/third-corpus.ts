import { readFileSync } from 'node:fs';
import { MAKERS, Source, WRITERS } from './third-values.ts';

export interface ThirdLabel {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

export interface ThirdSample {
  /** The file it stands in: `secrets`, `personal`, `opt-in` or `negatives`. */
  readonly group: Group;
  readonly carrier: string;
  readonly text: string;
  readonly labels: readonly ThirdLabel[];
}

export type Group = 'secrets' | 'personal' | 'opt-in' | 'negatives';

interface Template {
  readonly carrier: string;
  readonly text: string;
}

/** `### text carrier`: what follows is one text; `### lines carrier`: every line is one. */
function templates(group: Group): Template[] {
  const file = readFileSync(new URL(`./third/${group}.txt`, import.meta.url), 'utf8');
  const out: Template[] = [];
  for (const part of file.split(/^### /m).slice(1)) {
    const head = part.slice(0, part.indexOf('\n'));
    const body = part.slice(head.length + 1);
    const [form, carrier = ''] = head.split(' ');
    if (form === 'text') out.push({ carrier, text: body });
    else for (const line of body.split('\n')) if (line !== '') out.push({ carrier, text: line });
  }
  return out;
}

/**
 * `«maker:number|writer:number»` is a value, labelled; `‹maker:number›` is filling; `«=text»` is that text, labelled;
 * `␛` is the escape character.
 */
function write(group: Group, template: Template, source: Source): ThirdSample {
  const labels: ThirdLabel[] = [];
  let text = '';
  for (const part of template.text.split(/(«[^»]*»|‹[^›]*›)/)) {
    if (part[0] !== '«' && part[0] !== '‹') {
      text += part.replaceAll('␛', '\u001b');
      continue;
    }
    const [maker = '', ...writers] = part.slice(1, -1).split('|');
    const type = maker.startsWith('=') ? 'literal' : (maker.split(':')[0] ?? '');
    const value = writers.reduce((made, writer) => call(WRITERS, writer)(made), make(maker, source));
    if (part[0] === '«') labels.push({ start: text.length, end: text.length + value.length, type });
    text += value;
  }
  return { group, carrier: template.carrier, text, labels };
}

function make(maker: string, source: Source): string {
  if (maker.startsWith('=')) return maker.slice(1);
  return call(MAKERS, maker)(source);
}

/** The named function with its number filled in. Throws on a name that is not there, so that a slip is no empty label. */
function call<T>(table: Readonly<Record<string, (first: T, n: number) => string>>, name: string) {
  const [key = '', n = '0'] = name.split(':');
  const found = table[key];
  if (found === undefined) throw new Error(`third corpus: no "${key}"`);
  return (first: T) => found(first, Number(n));
}

/** The third corpus: texts written one by one, as they stand in the files of `third/`, filled from a seeded source. */
export function thirdCorpus(seed: number, rounds: number): ThirdSample[] {
  const source = new Source(seed);
  const all = (['secrets', 'personal', 'opt-in', 'negatives'] as const).map(
    (group) => [group, templates(group)] as const,
  );
  const out: ThirdSample[] = [];
  for (let round = 0; round < rounds; round += 1)
    for (const [group, texts] of all) for (const text of texts) out.push(write(group, text, source));
  return out;
}
