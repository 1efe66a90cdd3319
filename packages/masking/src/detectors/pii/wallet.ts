import { byteClass } from '../../scan/bytes.ts';
import type { Detector, ValueJudge, Verifier } from '../../scan/detector.ts';
import { startsWord } from '../../scan/pattern.ts';
import { isBech32 } from '../../validators/bech32.ts';

const ADDRESS = byteClass('A-Za-z0-9');

const segwit: Verifier = (view, at, found) => {
  if (!startsWord(view, at)) return;
  const end = view.run(ADDRESS, at, 92);
  if (end - at >= 14 && isBech32(view.text(at, end))) found.add(at, end);
};

const BASE58 = /^[13LM][1-9A-HJ-NP-Za-km-z]{25,34}$/;

/** Base58 is told from other words by its key alone: its checksum is a hash. */
const keyed: ValueJudge = (view, value) => {
  const end = view.run(ADDRESS, value.start, 64);
  const text = view.text(value.start, end);
  const shaped = BASE58.test(text) && /\d/.test(text.slice(1)) && /[A-Z]/.test(text) && /[a-z]/.test(text);
  return shaped || /^0x[0-9a-fA-F]{40}$/.test(text) ? [value.start, end] : null;
};

export const WALLET: Detector = {
  id: 'pii.crypto-address',
  group: 'pii',
  packs: ['gdpr'],
  description:
    'Bitcoin addresses: Bech32 by checksum; Base58 and Ethereum addresses under a key that says so',
  source: 'https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki',
  rank: 44,
  examples: () => ({
    positive: [
      {
        text: 'to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq now',
        value: 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq',
      },
      {
        text: 'btc_address: 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2',
        value: '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2',
      },
    ],
    negative: ['bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx', 'address: 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2'],
  }),
  literals: [{ anchors: ['bc1q', 'bc1p', 'ltc1q'], verify: segwit }],
  keys: [
    {
      phrases: [
        'btc',
        'btc address',
        'bitcoin address',
        'wallet',
        'wallet address',
        'crypto address',
        'crypto wallet',
        'btc wallet',
        'eth address',
        'eth wallet',
        'deposit address',
        'payout address',
      ],
      anchors: ['btc', 'bitcoin', 'wallet', 'crypto', 'eth_', 'eth addr', 'ethaddr', 'deposit', 'payout'],
      judge: keyed,
    },
  ],
};
