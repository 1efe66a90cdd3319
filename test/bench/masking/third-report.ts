/**
 * Quality of the masking engine on the third corpus, with its misses.
 *
 *   node --conditions=source --import tsx test/bench/masking/third-report.ts [rounds] [seed] [misses]
 */
import { createScanner } from '@scrim/masking';
import { grade } from './grade.ts';
import { thirdCorpus } from './third-corpus.ts';

const rounds = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? 90_210);
const detail = process.argv[4] === 'misses';
const usual = createScanner({ detectors: ['secrets', 'pii'] });
const asked = createScanner({
  detectors: ['secrets', 'pii', 'pii.ip', 'pii.mac', 'pii.person-name', 'pii.address'],
});
const samples = thirdCorpus(seed, rounds);
for (const group of ['secrets', 'personal', 'opt-in', 'negatives'] as const) {
  const scanner = group === 'opt-in' ? asked : usual;
  const own = samples.filter((sample) => sample.group === group);
  const result = grade(own, (text) => scanner.find(text), detail ? console.log : undefined);
  console.log(
    `${group}: ${own.length} texts, ${result.values} values, span recall ${result.recall.toFixed(4)}, fully covered ${result.full.toFixed(4)}, ` +
      `precision ${result.precision.toFixed(4)}, false ${result.alarms} (${result.alarmsPer100kB.toFixed(2)} per 100 kB of ${(result.length / 1e5).toFixed(1)} x 100 kB)`,
  );
}
