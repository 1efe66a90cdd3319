/**
 * Quality of the masking engine on the second corpus, with its misses.
 *
 *   node --conditions=source --import tsx test/bench/masking/second-report.ts [rounds] [seed] [misses|carriers]
 */
import { createScanner, createTextMasker, type Finding } from '@scrim/masking';
import { type SecondLabel, type SecondSample, secondCorpus } from './second-corpus.ts';

const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const rounds = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? 7_310_977);
const detail = process.argv[4] ?? '';
const samples = secondCorpus(seed, rounds);

const overlap = (a: { start: number; end: number }, b: { start: number; end: number }) =>
  Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start));

class Tally {
  n = 0;
  hit = 0;
  full = 0;
  exact = 0;
}
const byType = new Map<string, Tally>();
const byCarrier = new Map<string, Tally>();
const total = new Tally();
const alarms = { positive: 0, lookalike: 0, clean: 0 };
const bytes = { positive: 0, lookalike: 0, clean: 0 };
let spans = 0;
let right = 0;
let over = 0;
let streamed = 0;
const shown = new Map<string, number>();

function show(kind: string, sample: SecondSample, at: { start: number; end: number }, note: string): void {
  if (detail !== 'misses') return;
  const group = `${kind} ${note}`;
  const count = shown.get(group) ?? 0;
  shown.set(group, count + 1);
  if (count >= (sample.carrier === 'special' ? 40 : 2)) return;
  const text = sample.text.slice(
    Math.max(0, at.start - 70),
    Math.min(sample.text.length, at.end + 30, at.start + 130),
  );
  console.log(
    `${kind} [${note}] ${JSON.stringify(text)} value=${JSON.stringify(sample.text.slice(at.start, Math.min(at.end, at.start + 60)))}`,
  );
}

function count(label: SecondLabel, found: readonly Finding[], sample: SecondSample): void {
  let covered = 0;
  for (const span of found) covered += overlap(span, label);
  const share = covered / (label.end - label.start);
  const exact = found.some((s) => s.start === label.start && s.end === label.end);
  for (const [map, key] of [
    [byType, label.type],
    [byCarrier, sample.carrier],
  ] as const) {
    const tally = map.get(key) ?? new Tally();
    map.set(key, tally);
    add(tally, share, exact);
  }
  add(total, share, exact);
  if (share < 0.9) show('MISS', sample, label, `${label.type}/${sample.carrier}`);
  else if (share < 1) show('PART', sample, label, `${label.type}/${sample.carrier}`);
  else if (!exact)
    show(
      'OVER',
      sample,
      found.find((s) => overlap(s, label) > 0) as Finding,
      `${label.type}/${sample.carrier}`,
    );
}

function add(tally: Tally, share: number, exact: boolean): void {
  tally.n += 1;
  if (share >= 0.9) tally.hit += 1;
  if (share >= 1) tally.full += 1;
  if (exact) tally.exact += 1;
}

for (const sample of samples) {
  const found = scanner.find(sample.text);
  bytes[sample.kind] += sample.text.length;
  for (const label of sample.labels) count(label, found, sample);
  for (const span of found) {
    spans += 1;
    const label = sample.labels.find((l) => overlap(l, span) > 0);
    if (label && overlap(label, span) * 2 > span.end - span.start) right += 1;
    else {
      alarms[sample.kind] += 1;
      show('FALSE', sample, span, `${sample.kind} ${span.detector}/${sample.carrier}`);
    }
    if (label && (span.start < label.start || span.end > label.end)) over += 1;
  }
  if (!sameWhenStreamed(sample.text)) {
    streamed += 1;
    if (detail === 'misses')
      console.log(`STREAM [${sample.carrier}] ${JSON.stringify(sample.text.slice(0, 300))}`);
  }
}

/** The text pushed in pieces of seven code units comes out as when pushed whole. */
function sameWhenStreamed(text: string): boolean {
  const one = createTextMasker({ scanner, replace: () => '#' });
  const whole = new TextDecoder().decode(join(one.push(new TextEncoder().encode(text)), one.flush()));
  const two = createTextMasker({ scanner, replace: () => '#' });
  const all = new TextEncoder().encode(text);
  const parts: Uint8Array[] = [];
  for (let i = 0; i < all.length; i += 7) parts.push(two.push(all.slice(i, i + 7)));
  parts.push(two.flush());
  return new TextDecoder().decode(join(...parts)) === whole;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

const print = (map: Map<string, Tally>) => {
  for (const [key, t] of [...map].sort((a, b) => a[1].hit / a[1].n - b[1].hit / b[1].n))
    if (t.exact < t.n)
      console.log(
        `  ${key.padEnd(24)} ${(t.hit / t.n).toFixed(3)} full ${(t.full / t.n).toFixed(3)} exact ${(t.exact / t.n).toFixed(3)} of ${t.n}`,
      );
};
print(detail === 'carriers' ? byCarrier : byType);
const recall = total.hit / total.n;
const precision = right / Math.max(1, spans);
console.log(`second corpus, ${samples.length} samples, ${total.n} values:`);
console.log(
  `  span recall ${recall.toFixed(4)}, fully covered ${(total.full / total.n).toFixed(4)}, exact ${(total.exact / total.n).toFixed(4)}, precision ${precision.toFixed(4)}, spans that cover more ${over}`,
);
console.log(
  `  false alarms per 100 kB: look-alikes ${((alarms.lookalike * 1e5) / bytes.lookalike).toFixed(2)}, clean ${((alarms.clean * 1e5) / bytes.clean).toFixed(2)}, beside values ${alarms.positive}`,
);
console.log(`  streamed differently: ${streamed}`);
