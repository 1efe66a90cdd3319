/**
 * Quality and speed of the masking engine in one run: precision, recall and F1 per type on the generated corpus,
 * false alarms per 100 kB, and MB/s beside a baseline of plain regexes.
 *
 *   node --conditions=source --import tsx test/bench/masking/report.ts [rounds]
 */
import { createScanner, createTextMasker } from '@scrim/masking';
import { BASELINE } from './baseline.ts';
import { cleanText, corpus, type Label, type Sample } from './corpus.ts';

interface Span {
  readonly start: number;
  readonly end: number;
}
type Finder = (text: string) => readonly Span[];

const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const rounds = Number(process.argv[2] ?? 100);
const samples = corpus(20_261_121, rounds);

const baseline: Finder = (text) => {
  const out: Span[] = [];
  for (const regex of BASELINE)
    for (const match of text.matchAll(regex))
      out.push({ start: match.index, end: match.index + match[0].length });
  return out;
};

function covered(label: Label, spans: readonly Span[]): number {
  let total = 0;
  for (const span of spans)
    total += Math.max(0, Math.min(span.end, label.end) - Math.max(span.start, label.start));
  return Math.min(1, total / (label.end - label.start));
}

function quality(name: string, find: Finder, perType: boolean): void {
  const types = new Map<string, { n: number; hit: number; full: number }>();
  const alarms = { lookalike: 0, clean: 0 };
  const bytes = { positive: 0, lookalike: 0, clean: 0 };
  let found = 0;
  let right = 0;
  for (const sample of samples) {
    const spans = find(sample.text);
    bytes[sample.kind] += sample.text.length;
    if (sample.kind !== 'positive') alarms[sample.kind] += spans.length;
    for (const label of sample.labels) {
      const entry = types.get(label.type) ?? { n: 0, hit: 0, full: 0 };
      const share = covered(label, spans);
      entry.n += 1;
      if (share >= 0.9) entry.hit += 1;
      if (share === 1) entry.full += 1;
      types.set(label.type, entry);
    }
    for (const span of spans) {
      found += 1;
      if (isRight(span, sample)) right += 1;
    }
  }
  let n = 0;
  let hit = 0;
  let full = 0;
  for (const [type, entry] of types) {
    n += entry.n;
    hit += entry.hit;
    full += entry.full;
    if (perType) console.log(`  ${type.padEnd(18)} ${(entry.hit / entry.n).toFixed(3)} of ${entry.n}`);
  }
  const recall = hit / n;
  const precision = right / Math.max(1, found);
  const f1 = (2 * recall * precision) / (recall + precision);
  console.log(
    `${name}: span recall ${recall.toFixed(3)}, fully covered ${(full / n).toFixed(3)}, precision ${precision.toFixed(3)}, F1 ${f1.toFixed(3)}`,
  );
  console.log(
    `  false alarms per 100 kB: look-alikes ${((alarms.lookalike * 1e5) / bytes.lookalike).toFixed(2)}, clean ${((alarms.clean * 1e5) / bytes.clean).toFixed(2)}`,
  );
}

function isRight(span: Span, sample: Sample): boolean {
  return sample.labels.some(
    (l) => Math.min(span.end, l.end) - Math.max(span.start, l.start) > (span.end - span.start) / 2,
  );
}

/** The median of five runs over at least 32 MB, after one to warm up. */
function speed(name: string, pieces: readonly Uint8Array[], work: (piece: Uint8Array) => void): void {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  const loops = Math.max(1, Math.round(32e6 / bytes));
  const run = () => {
    const started = process.hrtime.bigint();
    for (let i = 0; i < loops; i += 1) for (const piece of pieces) work(piece);
    return (bytes * loops * 1e3) / Number(process.hrtime.bigint() - started);
  };
  run();
  const results = [run(), run(), run(), run(), run()].sort((a, b) => a - b);
  console.log(`  ${name.padEnd(46)} ${results[2]?.toFixed(0)} MB/s`);
}

function split(bytes: Uint8Array, size: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let i = 0; i < bytes.length; i += size) out.push(bytes.slice(i, i + size));
  return out;
}

console.log(`corpus: ${samples.length} samples, ${rounds} rounds`);
quality('engine', (text) => scanner.find(text), true);
quality('plain regexes', baseline, false);

const clean = new TextEncoder().encode(cleanText(5, 2_000_000));
const dirty = new TextEncoder().encode(
  samples
    .filter((s) => s.kind === 'positive')
    .map((s) => s.text)
    .join('\n')
    .slice(0, 2_000_000),
);
const scan = (piece: Uint8Array) => void scanner.findInBytes(piece, 0, piece.length);
console.log('speed, every built-in of both groups on:');
speed('engine, clean text, 64 kB pieces', split(clean, 65_536), scan);
speed('engine, clean text, 256 B pieces', split(clean, 256), scan);
speed('engine, dense with secrets, 64 kB pieces', split(dirty, 65_536), scan);
speed(
  'mayContain, clean rows, 64 kB pieces',
  split(rows(2_000_000), 65_536),
  (p) => void scanner.mayContain(p, 0, p.length),
);
const masker = createTextMasker({ scanner, replace: () => '***MASKED***' });
speed('stream masker, clean text, 4 kB pieces', split(clean, 4096), (p) => void masker.push(p));
const decoder = new TextDecoder();
speed(
  'plain regexes, clean text, 64 kB pieces',
  split(clean.subarray(0, 500_000), 65_536),
  (p) => void baseline(decoder.decode(p)),
);

/** Rows as a database sends them: numbers, dates, names, amounts. */
function rows(bytes: number): Uint8Array {
  let text = '';
  for (let i = 0; text.length < bytes; i += 1)
    text += `${100000 + i}\t2026-0${1 + (i % 9)}-1${i % 9} 10:1${i % 6}:42\tmeadow harbor ${i % 97}\t${i % 900}.${10 + (i % 89)}\tactive\n`;
  return new TextEncoder().encode(text);
}
