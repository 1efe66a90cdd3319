import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createOperator, createScanner, createTextMasker, listDetectors, type Scanner } from '@scrim/masking';
import type { Command } from 'commander';
import { Failure } from '../failure.ts';
import { printList } from '../output.ts';

interface DetectOptions {
  readonly detect: string[];
  readonly json?: boolean;
  readonly jsonl?: boolean;
}

const DEFAULT_DETECTORS = ['secrets', 'pii'];

function list(text: string): string[] {
  return text
    .split(',')
    .map((it) => it.trim())
    .filter(Boolean);
}

function open(file: string): NodeJS.ReadableStream {
  if (file === '-') return process.stdin;
  const stream = createReadStream(file);
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.stderr.write(`scrim: cannot read ${file}: ${error.code}\n`);
    process.exit(2);
  });
  return stream;
}

async function readAll(file: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of open(file)) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

function write(text: string | Uint8Array): Promise<void> {
  if (process.stdout.write(text)) return Promise.resolve();
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}

/** One JSON object a line in (`id`, `text`), one out (`id`, `spans`); offsets in UTF-16 code units. */
async function scanLines(file: string, scanner: Scanner): Promise<void> {
  let number = 0;
  for await (const line of createInterface({ input: open(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === '') continue;
    let record: { id?: unknown; text?: unknown };
    try {
      record = JSON.parse(line) as typeof record;
    } catch {
      throw new Failure(`line ${number} is no JSON`, 'write one object a line: {"id":"1","text":"…"}', 2);
    }
    if (typeof record?.text !== 'string') {
      throw new Failure(`line ${number} has no text`, 'write one object a line: {"id":"1","text":"…"}', 2);
    }
    const spans = scanner
      .find(record.text)
      .map(({ start, end, detector }) => ({ start, end, type: detector }));
    await write(`${JSON.stringify({ id: record.id ?? null, spans })}\n`);
  }
}

/** Positions people can find: line and column from 1, and the value's length, never the value. */
function positions(text: string, scanner: Scanner) {
  let line = 1;
  let lineStart = 0;
  let from = 0;
  return scanner.find(text).map(({ start, end, detector }) => {
    for (let next = text.indexOf('\n', from); next !== -1 && next < start; next = text.indexOf('\n', from)) {
      line++;
      lineStart = next + 1;
      from = next + 1;
    }
    return { line, column: start - lineStart + 1, detector, length: end - start, start, end };
  });
}

async function scan(file: string | undefined, options: DetectOptions): Promise<void> {
  const source = file ?? '-';
  const scanner = createScanner({ detectors: options.detect });
  if (options.jsonl) return scanLines(source, scanner);
  const findings = positions(await readAll(source), scanner);
  printList(findings, ['line', 'column', 'detector', 'length'], 'nothing found', options);
  if (findings.length > 0) process.exitCode = 1;
}

async function mask(
  options: DetectOptions & { key?: string; with: 'redact' | 'hash' | 'tokenise' | 'partial' },
): Promise<void> {
  const keyed = options.with === 'hash' || options.with === 'tokenise';
  if (keyed && !options.key) {
    throw new Failure(`--with ${options.with} needs a key`, 'give --key with 32 bytes in base64', 2);
  }
  const masking = Buffer.alloc(32);
  Buffer.from(options.key ?? '', 'base64').copy(masking);
  const operator = createOperator(options.with, { masking });
  const masker = createTextMasker({
    scanner: createScanner({ detectors: options.detect }),
    replace: (detector, value) => operator.apply(value, { type: 'text', detector }),
  });
  for await (const chunk of process.stdin) await write(masker.push(chunk as Uint8Array));
  await write(masker.flush());
}

export function detectCommands(program: Command): void {
  program
    .command('scan [file]')
    .description(
      'find secrets and personal data in a file or standard input; exit code 1 when something is found',
    )
    .option('--detect <a,b>', 'detectors, groups or packs (see `scrim detectors`)', list, DEFAULT_DETECTORS)
    .option('--jsonl', 'read {"id","text"} lines, print {"id","spans"} lines')
    .option('--json', 'print the findings as JSON')
    .action(scan);
  program
    .command('mask')
    .description('copy standard input to standard output with everything found masked, as it flows')
    .option('--detect <a,b>', 'detectors, groups or packs', list, DEFAULT_DETECTORS)
    .option('--with <operator>', 'redact, partial, hash or tokenise', 'redact')
    .option('--key <base64>', 'key of hash and tokenise')
    .action(mask);
  program
    .command('detectors')
    .description(
      'list every detector with its packs; a group name alone means all of its own that are not opt-in',
    )
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const rows = listDetectors().map(({ id, packs, optIn, description }) => ({
        id,
        packs,
        optIn: optIn ? 'by name only' : '',
        description,
      }));
      printList(rows, ['id', 'packs', 'optIn', 'description'], 'none', options);
    });
}
