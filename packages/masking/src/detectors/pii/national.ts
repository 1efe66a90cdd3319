import type { Detector } from '../../scan/detector.ts';
import { EUROPE } from './national-europe.ts';
import type { NationalId } from './national-shapes.ts';
import { WORLD } from './national-world.ts';
import { judgeIdentifier } from './number.ts';

const IDS: readonly NationalId[] = [...EUROPE, ...WORLD];

const detectorOf = (entry: NationalId): Detector => ({
  id: `pii.${entry.id}`,
  group: 'pii',
  packs: entry.packs ?? ['gdpr'],
  description: entry.description,
  source: entry.source,
  rank: entry.shapes ? 55 : 50,
  examples: () => ({
    positive: entry.positive.map(([text, value]) => ({ text, value })),
    negative: entry.negative,
  }),
  ...(entry.shapes ? { shapes: entry.shapes } : {}),
  keys: [
    {
      phrases: entry.phrases,
      anchors: entry.anchors,
      judge: judgeIdentifier((id) => entry.valid(id) || (entry.loose?.(id) ?? false)),
    },
  ],
});

const anyId = (id: string): boolean => IDS.some((entry) => entry.valid(id));

/** Keys that say "a national identifier" without saying whose: any country's check will do. */
const NATIONAL_ID: Detector = {
  id: 'pii.national-id',
  group: 'pii',
  packs: ['gdpr', 'hipaa'],
  description: 'National identifiers under a general key, valid for some country',
  source: 'https://en.wikipedia.org/wiki/National_identification_number',
  rank: 36,
  examples: () => ({
    positive: [{ text: '{"national_id":"44051401359"}', value: '44051401359' }],
    negative: ['national_id: 11111111111'],
  }),
  keys: [
    {
      phrases: [
        'national id',
        'national id number',
        'nationalid',
        'id number',
        'identity number',
        'tax id',
        'tax number',
        'taxid',
        'personal id',
        'citizen id',
        'government id',
        'govt id',
        'identity card',
        'id no',
        'national identifier',
        'national identity number',
        'document number',
        'tin',
        'taxpayer id',
      ],
      anchors: [
        'national',
        'id number',
        'id_number',
        'idnumber',
        'identity',
        'tax',
        'personal',
        'citizen',
        'government',
        'govt',
        'id no',
        'document_n',
        'document n',
        'documentn',
        'tin',
      ],
      judge: judgeIdentifier(anyId),
    },
  ],
};

export const NATIONAL: readonly Detector[] = [...IDS.map(detectorOf), NATIONAL_ID];
