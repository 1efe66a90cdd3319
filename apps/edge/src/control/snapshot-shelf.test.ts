import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { type EdgeIdentity, EdgeKey } from './edge-identity.ts';
import { type Signed, SnapshotShelf } from './snapshot-shelf.ts';

const folder = mkdtempSync(join(tmpdir(), 'scrim-shelf-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NOW = 1_800_000_000_000;
const plane = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');

function signed(value: unknown, key: KeyObject = plane.privateKey): Signed {
  const payload = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return { payload, signature: sign(null, payload, key) };
}

function fields(over: object = {}) {
  return {
    version: 'v1',
    edgeId: 'me',
    issuedAt: NOW,
    expiresAt: NOW + 3_600_000,
    connections: [],
    policies: [],
    tokens: { scrim: [], issuers: [], revoked: [] },
    maskingKey: 'AAAA',
    queue: { url: 'redis://127.0.0.1:1', prefix: 'scrim' },
    ...over,
  };
}

function shelf(dataDir = folder, key = EdgeKey.make()): SnapshotShelf {
  const identity = { edgeId: 'me', key, snapshotKey: plane.publicKey } as unknown as EdgeIdentity;
  return new SnapshotShelf(identity, dataDir);
}

function holding(over: object = {}): SnapshotShelf {
  const made = shelf();
  const snapshot = signed(fields(over));
  made.put(snapshot, made.check(snapshot, undefined, NOW));
  return made;
}

test('takes nothing that was changed on the wire, or is not for this edge, version, time or schema', () => {
  const good = signed(fields());
  const flipped = { ...good, payload: Buffer.from(good.payload) };
  flipped.payload[10] = (flipped.payload[10] ?? 0) ^ 1;
  const cases: [Signed, RegExp][] = [
    [flipped, /not signed by this control plane/],
    [{ ...good, signature: new Uint8Array(64) }, /not signed/],
    [{ ...good, signature: new Uint8Array(0) }, /not signed/],
    [signed(fields(), stranger.privateKey), /not signed/],
    [signed(fields({ edgeId: 'you' })), /for another edge/],
    [signed(fields({ version: 'v2' })), /another version/],
    [signed(fields({ expiresAt: NOW })), /lifetime .* is over/],
    [signed('not json'), /no JSON/],
    [signed(fields({ surprise: true })), /cannot read the snapshot/],
    [
      signed(fields({ connections: [{ name: 'x', protocol: 'gopher', password: 'hunter2' }] })),
      /connections\.0/,
    ],
  ];
  for (const [snapshot, words] of cases) expect(() => shelf().check(snapshot, 'v1', NOW)).toThrow(words);
  expect(shelf().check(good, 'v1', NOW).version).toBe('v1');
});

test('the reason of a refusal quotes no value', () => {
  const bad = signed(
    fields({ connections: [{ name: 'x', protocol: 'postgres', credential: { password: 'hunter2' } }] }),
  );
  expect(() => shelf().check(bad, 'v1', NOW)).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
  );
});

test('an older snapshot that was recorded and played again is refused', () => {
  const made = holding({ issuedAt: NOW, version: 'v2' });
  const old = signed(fields({ issuedAt: NOW - 600_000 }));
  expect(() => made.check(old, 'v1', NOW)).toThrow('older than the one held');
  // Replicas' clocks may differ a little.
  expect(made.check(signed(fields({ issuedAt: NOW - 60_000 })), 'v1', NOW).version).toBe('v1');
});

test('a lease extends exactly the snapshot it is for, and never shortens', () => {
  const made = holding();
  const lease = (over: object, key?: KeyObject) =>
    signed({ edgeId: 'me', version: 'v1', expiresAt: NOW + 7_200_000, ...over }, key);
  for (const bad of [lease({ edgeId: 'you' }), lease({ version: 'v0' })])
    expect(() => made.extend(bad)).toThrow('for another snapshot');
  expect(() => made.extend(lease({}, stranger.privateKey))).toThrow('not signed');
  expect(() => made.extend(lease({ expiresAt: 'never' }))).toThrow('lacks a field');
  expect(made.held?.expiresAt).toBe(NOW + 3_600_000);
  made.extend(lease({}));
  made.extend(lease({ expiresAt: NOW }));
  expect(made.held?.expiresAt).toBe(NOW + 7_200_000);
});

test('what is kept comes back whole: snapshot, lease and revocations; another key opens nothing', async () => {
  const dataDir = join(folder, 'kept');
  const key = EdgeKey.make();
  const made = shelf(dataDir, key);
  const snapshot = signed(fields());
  made.put(snapshot, made.check(snapshot, 'v1', NOW));
  made.extend(signed({ edgeId: 'me', version: 'v1', expiresAt: NOW + 7_200_000 }));
  expect(made.revoke({ tokenId: 't1', until: NOW + 1_000 }, NOW)).toBe(true);
  expect(made.revoke({ tokenId: 't1', until: NOW + 1_000 }, NOW)).toBe(false);
  await Promise.all([made.save(), made.save(), made.save()]);
  const again = shelf(dataDir, key);
  await again.load(NOW);
  expect(again.held).toEqual(made.held);
  expect(again.held?.tokens.revoked).toEqual([{ tokenId: 't1', until: NOW + 1_000 }]);
  await expect(shelf(dataDir, EdgeKey.make()).load(NOW)).rejects.toThrow(
    'was changed or is not of this edge',
  );
  await again.forget();
  const empty = shelf(dataDir, key);
  await empty.load(NOW);
  expect(empty.held).toBeUndefined();
});

test('revocations outlive a newer snapshot and are dropped once the token has ended', () => {
  const made = holding();
  made.revoke({ tokenId: 't1', until: NOW + 1_000 }, NOW);
  const newer = signed(fields({ version: 'v2' }));
  made.put(newer, made.check(newer, 'v2', NOW));
  expect(made.held?.tokens.revoked.map(({ tokenId }) => tokenId)).toEqual(['t1']);
  made.revoke({ tokenId: 't2', until: NOW + 9_000 }, NOW + 2_000);
  const third = signed(fields({ version: 'v3' }));
  made.put(third, made.check(third, 'v3', NOW));
  expect(made.held?.tokens.revoked.map(({ tokenId }) => tokenId)).toEqual(['t2']);
});
