/**
 * The masking engine beside other tools, in one run and on the same texts: quality on all three corpora, MB/s on four
 * kinds of text. Speeds are medians of rounds in which the tools take turns; only their ratios mean something.
 *
 *   node --conditions=source --import tsx test/bench/masking/compare.ts [rounds] [speed|quality]
 *
 * Presidio takes part when PRESIDIO_PYTHON names a Python with `presidio-analyzer` installed (see presidio.py).
 */
import { createScanner } from '@scrim/masking';
import { BASELINE } from './baseline.ts';
import { corpus } from './corpus.ts';
import { type Graded, grade, type Span } from './grade.ts';
import { Presidio } from './presidio.ts';
import { secondCorpus } from './second-corpus.ts';
import { secretlintFinder } from './secretlint.ts';
import { speedTexts } from './speed-texts.ts';
import { thirdCorpus } from './third-corpus.ts';

interface Tool {
  readonly name: string;
  find(texts: readonly string[]): Promise<readonly (readonly Span[])[]>;
  /** MB of each speed text it is given; slow tools get less, none so little that a round is noise. */
  readonly share: number;
}

const rounds = Number(process.argv[2] ?? 1);
const part = process.argv[3] ?? 'both';
const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const secretlint = await secretlintFinder();
const presidio = process.env.PRESIDIO_PYTHON ? new Presidio(process.env.PRESIDIO_PYTHON) : null;

function regexes(text: string): Span[] {
  const out: Span[] = [];
  for (const regex of BASELINE)
    for (const match of text.matchAll(regex))
      out.push({ start: match.index, end: match.index + match[0].length });
  return out;
}

async function inTurn(
  texts: readonly string[],
  find: (text: string) => Promise<readonly Span[]>,
): Promise<(readonly Span[])[]> {
  const out: (readonly Span[])[] = [];
  for (const text of texts) out.push(await find(text));
  return out;
}

const tools: Tool[] = [
  { name: 'Scrim', share: 4, find: async (texts) => texts.map((text) => scanner.find(text)) },
  { name: `${BASELINE.length} plain regexes`, share: 1, find: async (texts) => texts.map(regexes) },
  { name: 'secretlint', share: 0.25, find: (texts) => inTurn(texts, secretlint) },
];
if (presidio) tools.push({ name: 'Presidio', share: 0.065, find: (texts) => presidio.find(texts) });

const PERSONAL =
  /^(?:email|phone|card|cvv|cvc|credit|iban|swift|account|bank|routing|ssn|itin|ein|nino|nhs|steuer|nir|dni|codice|pesel|cpf|cnpj|aadhaar|pan$|tfn|bsn|personnummer|my-number|rrn|cn-id|tckn|sin$|hetu|ahv|passport|licen[cs]e|mrn|dob|imei|literal$|digits$|keyed-(?:dob|passport|mrn|account|phone))/;

const only = (samples: readonly Graded[], personal: boolean): Graded[] =>
  samples
    .map((s) => ({ ...s, labels: s.labels.filter((l) => PERSONAL.test(l.type) === personal) }))
    .filter((s) => s.labels.length > 0);

const corpora: readonly (readonly [string, readonly Graded[]])[] = [
  ['first', corpus(20_261_121, rounds * 5).map((s) => ({ ...s, carrier: s.kind }))],
  ['second', secondCorpus(7_310_977, rounds)],
  ['third', thirdCorpus(90_210, rounds * 2).filter((s) => s.group !== 'opt-in')],
];

const PIECE = 65_536;
const pieces = (text: string): string[] => {
  const out: string[] = [];
  for (let i = 0; i < text.length; i += PIECE) out.push(text.slice(i, i + PIECE));
  return out;
};

async function speed(): Promise<void> {
  console.log('MB/s on pieces of 64 kB, one core, medians of three rounds taken in turn:');
  for (const [name, text] of Object.entries(speedTexts(4_000_000))) {
    const results = new Map<Tool, number[]>(tools.map((tool) => [tool, []]));
    for (let round = 0; round < 4; round += 1) {
      for (const tool of tools) {
        const own = pieces(text.slice(0, tool.share * 1e6));
        const size = own.reduce((n, piece) => n + piece.length, 0);
        const started = performance.now();
        await tool.find(own);
        if (round > 0) results.get(tool)?.push(size / 1e3 / (performance.now() - started));
      }
    }
    const medians = tools.map((tool) => results.get(tool)?.sort((a, b) => a - b)[1] as number);
    const [first = 1] = medians;
    const shown = tools.map((tool, i) => {
      const own = medians[i] as number;
      return `${tool.name} ${own < 10 ? own.toPrecision(2) : own.toFixed(0)} (1/${(first / own).toFixed(first / own < 10 ? 1 : 0)})`;
    });
    console.log(`  ${name.padEnd(20)} ${shown.join(', ')}`);
  }
}

async function quality(): Promise<void> {
  for (const [name, samples] of corpora) {
    const clear = samples.filter((s) => s.labels.length === 0);
    const kilobytes = clear.reduce((n, s) => n + s.text.length, 0) / 1000;
    console.log(
      `${name} corpus, ${samples.length} texts: recall of secrets | of personal data | fully covered | precision | F1 | false alarms per 100 kB of the ${kilobytes.toFixed(0)} kB without values`,
    );
    for (const tool of tools) {
      const texts = [...new Set(samples.map((s) => s.text))];
      const spans = await tool.find(texts);
      const known = new Map(texts.map((text, i) => [text, spans[i] as readonly Span[]]));
      const look = (text: string) => known.get(text) as readonly Span[];
      const all = grade(samples, look);
      const recallOf = (personal: boolean) => grade(only(samples, personal), look).recall.toFixed(3);
      console.log(
        `  ${tool.name.padEnd(18)} ${recallOf(false)} | ${recallOf(true)} | ${all.full.toFixed(3)} | ${all.precision.toFixed(3)} | ${all.f1.toFixed(3)} | ${grade(clear, look).alarmsPer100kB.toFixed(1)}`,
      );
    }
  }
}

// Speed first: secretlint keeps a mark of every call and grows slower with each.
if (part !== 'quality') await speed();
if (part !== 'speed') await quality();
await presidio?.end();
