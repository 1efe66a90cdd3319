import { describe, expect, test } from '@jest/globals';
import type { Run } from '@scrim/protocol-kit';
import fc from 'fast-check';
import { CopyOut, type CopyShape, copyFormat } from './copy.ts';
import { plain } from './types/plain.ts';
import { message, TYPE } from './wire.ts';

const MASK = 'M|,"\'\\\n#';

/** What the server writes for two rows of three values (the second one secret), by the options. */
interface Sample {
  readonly name: string;
  readonly options: Partial<Parameters<typeof copyFormat>[0]>;
  readonly data: Buffer;
  readonly masked: Buffer;
  readonly encoding?: string;
}

const text = (value: string): Buffer => Buffer.from(value);
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

function tuple(...values: (string | null)[]): Buffer {
  const parts: Buffer[] = [Buffer.from([values.length >> 8, values.length & 255])];
  for (const value of values) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : Buffer.byteLength(value));
    parts.push(length, text(value ?? ''));
  }
  return Buffer.concat(parts);
}

const SAMPLES: readonly Sample[] = [
  {
    name: 'text',
    options: {},
    data: text('a\\tb\tsecret\t\\N\n\t\\\\x\\ny\t\\.\n\\N\t\\N\t\n'),
    masked: text('a\\tb\tM|,"\'\\\\\\n#\t\\N\n\tM|,"\'\\\\\\n#\t\\.\n\\N\t\\N\t\n'),
  },
  {
    name: 'text with a delimiter, a null and a header',
    options: { delimiter: '|', nullText: 'NIL', header: true },
    data: text('one|two|three\na\\|b|secret|NIL\n|x\\|y|z\n'),
    masked: text('one|two|three\na\\|b|M\\|,"\'\\\\\\n#|NIL\n|M\\|,"\'\\\\\\n#|z\n'),
  },
  {
    name: 'csv',
    options: { format: 'csv', delimiter: ',', nullText: '' },
    data: text('"a,""b""\nc",secret,\nx,"multi\n\nline",""\n,,"\\."\n'),
    masked: text('"a,""b""\nc","M|,""\'\\\n#",\nx,"M|,""\'\\\n#",""\n,,"\\."\n'),
  },
  {
    name: 'csv with a header of several lines and other quotes',
    options: { format: 'csv', delimiter: ';', nullText: 'NIL', quote: "'", escape: '\\', header: true },
    data: text("'o\nne';two;'th\\'ree'\n'a;\\'b\\\\';'secret';NIL\nx;s;\n"),
    masked: text("'o\nne';two;'th\\'ree'\n'a;\\'b\\\\';'M|,\"\\'\\\\\n#';NIL\nx;'M|,\"\\'\\\\\n#';\n"),
  },
  {
    name: 'csv whose escape is its quote, all quoted',
    options: { format: 'csv', delimiter: '#', nullText: '', quote: '|', escape: '|' },
    data: text('|a#b|#|secret|#|c|||\n||#x#\n'),
    masked: text('|a#b|#|M||,"\'\\\n#|#|c|||\n||#|M||,"\'\\\n#|#\n'),
  },
  {
    name: 'binary',
    options: { format: 'binary' },
    data: Buffer.concat([HEADER, tuple('a', 'secret', null), tuple('', 's', 'z'), Buffer.from([255, 255])]),
    masked: Buffer.concat([HEADER, tuple('a', MASK, null), tuple('', MASK, 'z'), Buffer.from([255, 255])]),
  },
  {
    name: 'binary with a header extension',
    options: { format: 'binary' },
    data: Buffer.concat([HEADER.subarray(0, 15), Buffer.from([0, 0, 0, 3, 1, 2, 3]), tuple('a', 's', 'b')]),
    masked: Buffer.concat([
      HEADER.subarray(0, 15),
      Buffer.from([0, 0, 0, 3, 1, 2, 3]),
      tuple('a', MASK, 'b'),
    ]),
  },
  {
    // 0x95 0x5C and 0x83 0x7C: second bytes that look like a backslash and a bar.
    name: 'text in SJIS',
    options: { delimiter: '|', nullText: '\\N' },
    encoding: 'SJIS',
    data: Buffer.from('\x95\x5c|secret|\x83\x7c\n\xb1|\x95\x5c\\n|x\n', 'latin1'),
    masked: Buffer.from('\x95\x5c|M\\|,"\'\\\\\\n#|\x83\x7c\n\xb1|M\\|,"\'\\\\\\n#|x\n', 'latin1'),
  },
  {
    name: 'csv in GB18030',
    options: { format: 'csv', delimiter: '|', nullText: '' },
    encoding: 'GB18030',
    data: Buffer.from('\x81\x7c|"\x81\x30\x81\x30|\x81\x5c"|z\n', 'latin1'),
    masked: Buffer.from('\x81\x7c|"M|,""\'\\\n#"|z\n', 'latin1'),
  },
];

function shapeOf({ options, encoding = 'UTF8' }: Sample): CopyShape {
  const defaults = {
    direction: 'out',
    format: 'text',
    delimiter: '\t',
    quote: '"',
    escape: '"',
    nullText: '\\N',
    header: false,
  };
  const copy = copyFormat({ ...defaults, ...options } as Parameters<typeof copyFormat>[0], encoding);
  const wire = { codec: plain('text'), binary: copy.format === 'binary' };
  const column = { origins: [], exact: true, type: 'text' as const, textual: true };
  return {
    columns: ['one', 'two', 'three'].map((name) => ({ ...column, name })),
    wires: [wire, wire, wire],
    description: Buffer.alloc(0),
    reach: [],
    copy,
  };
}

/** All that comes out of the stream when the second column is masked, and the values that were shown. */
function masked(
  sample: Sample,
  pieces: readonly Buffer[],
  oneRegion: boolean,
): { out: Buffer; seen: string[] } {
  const copy = new CopyOut(shapeOf(sample), 1 << 20);
  const runs: Run[] = [];
  const messages = pieces.map((piece) => message(TYPE.copyData, piece));
  if (oneRegion) copy.read(Buffer.concat(messages), runs);
  else for (const one of messages) copy.read(one, runs);
  copy.finish();
  const seen: string[] = [];
  const out = runs.map(({ bytes, meaning }) => {
    if (meaning.kind !== 'rows') return bytes;
    return meaning.rows.rewrite(Uint8Array.from([0, 1, 0]), (cell) => {
      seen.push(cell.text());
      return MASK;
    });
  });
  return { out: payload(Buffer.concat(out)), seen };
}

function payload(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    parts.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return Buffer.concat(parts);
}

describe.each(SAMPLES.map((sample) => [sample.name, sample] as const))('COPY data in %s', (_name, sample) => {
  const { data } = sample;
  const whole = sample.masked.toString('latin1');

  test('is masked the same wherever it is cut in two', () => {
    for (let cut = 0; cut <= data.length; cut++) {
      for (const oneRegion of [true, false]) {
        const { out } = masked(sample, [data.subarray(0, cut), data.subarray(cut)], oneRegion);
        expect([cut, out.toString('latin1')]).toEqual([cut, whole]);
      }
    }
  });

  test('is masked the same byte by byte and in any pieces', () => {
    const bytes = Array.from(data, (_byte, i) => data.subarray(i, i + 1));
    expect(masked(sample, bytes, true).out.toString('latin1')).toBe(whole);
    const cuts = fc.array(fc.nat(data.length), { maxLength: 8 });
    fc.assert(
      fc.property(cuts, fc.boolean(), (at, oneRegion) => {
        const sorted = [0, ...at.sort((a, b) => a - b), data.length];
        const pieces = sorted.slice(1).map((to, i) => data.subarray(sorted[i], to));
        expect(masked(sample, pieces, oneRegion).out.toString('latin1')).toBe(whole);
      }),
      { numRuns: 300 },
    );
  });
});

test('a row that never ends is not passed', () => {
  const sample = SAMPLES[0] as Sample;
  expect(() => masked(sample, [Buffer.from('a\tb\tc')], true)).toThrow('within a row');
});
