import { ALNUM, byteClass, DIGIT, HEX } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';

const HEX_COLON = byteClass('0-9a-fA-F:');

/** RFC 791 dotted quad. */
function ipv4(view: View, at: number, found: { add(s: number, e: number): void }): void {
  let p = at;
  for (let part = 0; part < 4; part += 1) {
    const end = view.run(DIGIT, p, 4);
    const length = end - p;
    if (length < 1 || length > 3 || Number(view.text(p, end)) > 255) return;
    if (part < 3 && view.at(end) !== 0x2e) return;
    p = part < 3 ? end + 1 : end;
  }
  const next = view.at(p);
  if (next >= 0 && (ALNUM[next] === 1 || (next === 0x2e && view.is(ALNUM, p + 1)) || next === 0x2d)) return;
  const before = view.at(at - 1);
  if (before === 0x2e || before === 0x2d || before === 0x76) return;
  if (/^(?:127\.|0\.0\.0\.0|255\.255\.255)/.test(view.text(at, p))) return;
  if (/(?:version|ver|v|release)["']?\s*[:=]?\s*["']?$/i.test(view.text(at - 14, at))) return;
  found.add(at, p);
}

/** RFC 4291 section 2.2. */
function ipv6(view: View, at: number, found: { add(s: number, e: number): void }): void {
  const end = view.run(HEX_COLON, at, 40);
  const text = view.text(at, end);
  const groups = text.split(':');
  if (groups.some((g) => g.length > 4) || text === '::' || text === '::1') return;
  const compressed = text.split('::').length - 1;
  if (compressed > 1 || (compressed === 0 && groups.length !== 8) || groups.length < 4 || groups.length > 8)
    return;
  if (view.is(ALNUM, end) || !/[0-9a-f]{3}/i.test(text)) return;
  found.add(at, end);
}

const ip: Verifier = (view, at, found) => {
  const before = view.at(at - 1);
  if (before >= 0 && (ALNUM[before] === 1 || before === 0x3a)) return;
  if (view.is(DIGIT, at)) ipv4(view, at, found);
  ipv6(view, at, found);
};

const mac: Verifier = (view, at, found) => {
  const before = view.at(at - 1);
  if (before >= 0 && (ALNUM[before] === 1 || before === 0x3a || before === 0x2d)) return;
  const separator = view.at(at + 2);
  if (separator !== 0x3a && separator !== 0x2d) return;
  for (let k = 0; k < 17; k += 1) {
    if (k % 3 === 2 ? view.at(at + k) !== separator : !view.is(HEX, at + k)) return;
  }
  const next = view.at(at + 17);
  if (next === separator || (next >= 0 && ALNUM[next] === 1)) return;
  found.add(at, at + 17);
};

export const NETWORK: readonly Detector[] = [
  {
    id: 'pii.ip',
    group: 'pii',
    packs: ['gdpr', 'hipaa'],
    description: 'IPv4 and IPv6 addresses; only when asked for',
    source: 'https://www.rfc-editor.org/rfc/rfc4291',
    optIn: true,
    rank: 30,
    examples: () => ({
      positive: [
        { text: 'from 93.184.216.34 port 22', value: '93.184.216.34' },
        { text: 'peer 2001:db8:85a3::8a2e:370:7334 up', value: '2001:db8:85a3::8a2e:370:7334' },
      ],
      negative: ['version 1.2.3.4.5', '12:30:45', '300.1.2.3'],
    }),
    shapes: [{ at: 'octets', verify: ip }],
  },
  {
    id: 'pii.mac',
    group: 'pii',
    packs: ['gdpr', 'hipaa'],
    description: 'MAC addresses; only when asked for',
    source: 'https://standards.ieee.org/products-programs/regauth/',
    optIn: true,
    rank: 31,
    examples: () => ({
      positive: [{ text: 'eth0 3c:22:fb:5a:91:0e up', value: '3c:22:fb:5a:91:0e' }],
      negative: ['3c:22:fb:5a:91', 'sha 3c:22:fb:5a:91:0e:44'],
    }),
    shapes: [{ at: 'octets', verify: mac }],
  },
];
