/**
 * Findings in text nobody made for a test: files given on the command line, counted per detector, with a sample.
 *
 *   find /usr/share/doc -type f | node --conditions=source --import tsx test/bench/masking/wild.ts [shown] [megabytes]
 */
import { readFileSync } from 'node:fs';
import { createScanner } from '@scrim/masking';

const shown = Number(process.argv[2] ?? 5);
const limit = Number(process.argv[3] ?? 40) * 1e6;
const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const counts = new Map<string, number>();
let bytes = 0;
let files = 0;
for (const file of readFileSync(0, 'utf8').split('\n')) {
  if (file === '' || bytes >= limit) continue;
  const data = read(file);
  if (data === null || data.includes(0)) continue;
  files += 1;
  bytes += data.length;
  const found = scanner.findInBytes(data, 0, data.length);
  for (const span of found) {
    const n = (counts.get(span.detector) ?? 0) + 1;
    counts.set(span.detector, n);
    if (n > shown || span.detector === 'pii.email') continue;
    const text = data.subarray(Math.max(0, span.start - 50), Math.min(data.length, span.end + 20)).toString();
    const value = data.subarray(span.start, Math.min(span.end, span.start + 60)).toString();
    console.log(`${span.detector} ${JSON.stringify(text.slice(0, 160))} value=${JSON.stringify(value)}`);
  }
}
for (const [detector, n] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${n}\t${detector}`);
const others = [...counts].filter(([d]) => d !== 'pii.email').reduce((sum, [, n]) => sum + n, 0);
console.log(
  `${files} files, ${(bytes / 1e6).toFixed(1)} MB, findings other than e-mail per MB: ${((others * 1e6) / bytes).toFixed(2)}`,
);

function read(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}
