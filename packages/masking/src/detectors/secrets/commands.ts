import { asciiBytes, BLANK, byteClass, QUOTE } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { isPlaceholder } from '../keyed/placeholder.ts';
import { WITHOUT_FLAG } from './spoken.ts';
import { sample } from './token.ts';

const ARGUMENT = byteClass('^\\s"\'`\\\\');

function flagValue(view: View, at: number, attached: boolean): readonly [number, number] | null {
  let p = at;
  const gap = view.run(BLANK, p, 4);
  if (gap === p && !attached && view.at(p) !== 0x3d) return null;
  p = view.at(p) === 0x3d ? p + 1 : gap;
  if (view.is(QUOTE, p)) {
    const quote = view.at(p);
    let end = p + 1;
    while (end < p + 256 && view.at(end) >= 0x20 && view.at(end) !== quote) end += 1;
    return [p + 1, end];
  }
  const end = view.run(ARGUMENT, p, 256);
  return end > p && view.at(p) !== 0x2d ? [p, end] : null;
}

function isValue(view: View, start: number, end: number): boolean {
  const text = view.text(start, end);
  return text.length >= 4 && !isPlaceholder(text) && !text.startsWith('$') && !text.startsWith('/');
}

/** For each command the flag after which its password stands, and whether it may be written without a blank. */
const COMMANDS: readonly { name: string; flag: string; attached: 'must' | 'may' | 'no'; pair?: boolean }[] = [
  { name: 'curl ', flag: '-u', attached: 'may', pair: true },
  { name: 'curl ', flag: '--user', attached: 'no', pair: true },
  { name: 'curl ', flag: '--proxy-user', attached: 'no', pair: true },
  { name: 'mysql ', flag: '-p', attached: 'must' },
  { name: 'mysqldump ', flag: '-p', attached: 'must' },
  { name: 'mysqladmin ', flag: '-p', attached: 'must' },
  { name: 'mariadb ', flag: '-p', attached: 'must' },
  { name: 'sshpass ', flag: '-p', attached: 'may' },
  { name: 'docker login', flag: '-p', attached: 'no' },
  { name: 'podman login', flag: '-p', attached: 'no' },
  { name: 'helm registry login', flag: '-p', attached: 'no' },
  { name: 'oc login', flag: '-p', attached: 'no' },
  { name: 'az login', flag: '-p', attached: 'no' },
  { name: 'redis-cli ', flag: '-a', attached: 'no' },
  { name: 'mongosh ', flag: '-p', attached: 'no' },
  { name: 'mongo ', flag: '-p', attached: 'no' },
  { name: 'mongodump ', flag: '-p', attached: 'no' },
  { name: 'sqlcmd ', flag: '-P', attached: 'may' },
  { name: 'bcp ', flag: '-P', attached: 'may' },
  { name: 'ldapsearch ', flag: '-w', attached: 'no' },
  { name: 'ldapmodify ', flag: '-w', attached: 'no' },
  { name: 'zip ', flag: '-P', attached: 'no' },
  { name: '7z a ', flag: '-p', attached: 'must' },
  { name: '7z x ', flag: '-p', attached: 'must' },
  { name: 'unzip ', flag: '-P', attached: 'no' },
  { name: 'wget ', flag: '--password', attached: 'no' },
  { name: 'smbclient ', flag: '-U', attached: 'no', pair: true },
  { name: 'rabbitmqadmin ', flag: '-p', attached: 'no' },
  { name: 'clickhouse-client ', flag: '--password', attached: 'no' },
];

const commandVerifier = (
  name: string,
  flag: string,
  attached: 'must' | 'may' | 'no',
  pair: boolean,
): Verifier => {
  const bytes = asciiBytes(flag);
  return (view, at, found) => {
    const from = at + name.length - 1;
    for (let p = from; p < from + 400; p += 1) {
      const byte = view.at(p);
      if (byte < 0 || byte === 0x0a || byte === 0x7c) return;
      if (byte !== 0x20 || !view.has(bytes, p + 1)) continue;
      const after = p + 1 + bytes.length;
      const blank = view.is(BLANK, after) || view.at(after) === 0x3d;
      if ((attached === 'must' && blank) || (attached === 'no' && !blank)) continue;
      const span = flagValue(view, after, attached !== 'no');
      if (!span) continue;
      if (addArgument(view, span, pair, found)) return;
    }
  };
};

function addArgument(
  view: View,
  span: readonly [number, number],
  pair: boolean,
  found: { add(s: number, e: number): void },
): boolean {
  let [start, end] = span;
  if (pair) {
    let colon = start;
    while (colon < end && view.at(colon) !== 0x3a && view.at(colon) !== 0x25) colon += 1;
    if (colon >= end) return false;
    start = colon + 1;
  }
  if (!isValue(view, start, end)) return false;
  found.add(start, end);
  return true;
}

export const COMMAND_LINE: Detector = {
  id: 'secrets.command-line',
  group: 'secrets',
  packs: ['secrets'],
  description:
    'Passwords given to commands: curl -u, mysql -p, sshpass, docker login, redis-cli and the like',
  source: 'https://curl.se/docs/manpage.html#-u',
  rank: 60,
  examples: () => ({
    positive: [
      {
        text: `curl -s -u deploy:${sample('[A-Za-z0-9]{12}', 7)} https://ci.internal/job`,
        value: sample('[A-Za-z0-9]{12}', 7),
      },
      {
        text: `mysql -h db -uroot -p${sample('[A-Za-z0-9]{12}', 8)} shop`,
        value: sample('[A-Za-z0-9]{12}', 8),
      },
    ],
    negative: [
      'mysql -h db -u root -p shop',
      'curl -u deploy:$PASSWORD https://ci.internal',
      'mkdir -p build/out',
    ],
  }),
  literals: [
    ...COMMANDS.map(({ name, flag, attached, pair }) => ({
      anchors: [name],
      verify: commandVerifier(name, flag, attached, pair ?? false),
    })),
    ...WITHOUT_FLAG,
  ],
};
