import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type SealedToken, SealedTokenSchema } from '@scrim/rpc';
import { generateVaultKey, openSealed, ValueDigest } from '@scrim/vault';
import { Journal, type JournalBatch } from './journal.ts';
import { RecentKeys } from './recent.ts';
import { TokenShipper } from './shipper.ts';
import { EdgeVault } from './vault.ts';

const key = generateVaultKey();
const maskingKey = Buffer.alloc(32, 7).toString('base64');
const snapshot = (from = key, keyId = 'key-1') => ({
  maskingKey,
  vault: { keyId, publicKey: Buffer.from(from.public).toString('base64') },
});

let folder: string;
let open: Journal[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrim-vault-'));
});
afterEach(async () => {
  for (const journal of open) await journal.close();
  open = [];
  rmSync(folder, { recursive: true });
});

function journalOf(more: Partial<ConstructorParameters<typeof Journal>[0]> = {}): Journal {
  const journal = new Journal({ folder, maxBytes: 1024 * 1024, ...more });
  open.push(journal);
  return journal;
}

function vaultOn(journal: Pick<Journal, 'append'>, remembered = 100) {
  const problems: unknown[] = [];
  const counted = { kept: 0 };
  const vault = new EdgeVault({
    journal,
    kept: () => {
      counted.kept += 1;
    },
    problem: (error) => problems.push(error),
    remembered,
  });
  vault.follow(snapshot());
  return { vault, problems, counted };
}

const tokensOf = (batch: JournalBatch | undefined): SealedToken[] =>
  (batch?.records ?? []).map((record) => fromBinary(SealedTokenSchema, record));

/** Takes everything that waits, as a shipper does. */
async function drain(journal: Journal): Promise<SealedToken[]> {
  const all: SealedToken[] = [];
  for (let batch = await journal.next(); batch; batch = await journal.next()) {
    all.push(...tokensOf(batch));
    batch.done();
  }
  return all;
}

const onDisk = () => readdirSync(folder).map((name) => readFileSync(join(folder, name)));

test('a pair is on disk when put returns, sealed, and only the private key opens it', async () => {
  const journal = journalOf();
  const { vault } = vaultOn(journal);
  vault.of('crm')?.put('tok_a', 'alice@example.com');
  const [file] = onDisk();
  expect(file?.includes('tok_a')).toBe(true);
  expect(file?.includes('alice')).toBe(false);
  expect(statSync(join(folder, readdirSync(folder)[0] as string)).mode & 0o777).toBe(0o600);
  const [kept] = await drain(journal);
  expect(kept).toMatchObject({ token: 'tok_a', policy: 'crm', keyId: 'key-1' });
  expect(openSealed(kept?.sealed as Uint8Array, 'tok_a', key.secret)).toBe('alice@example.com');
  const digest = new ValueDigest(Buffer.alloc(32, 7)).of('alice@example.com');
  expect(Buffer.from(kept?.digest as Uint8Array)).toEqual(digest);
});

test('each pair is reported once for each policy; another value of the same token is another pair', async () => {
  const journal = journalOf();
  const { vault, counted } = vaultOn(journal);
  for (let round = 0; round < 3; round++) {
    vault.of('crm')?.put('1750-01-01', '1999-01-02');
    vault.of('crm')?.put('1750-01-01', '1980-03-04');
    vault.of('pay')?.put('1750-01-01', '1999-01-02');
  }
  expect(counted.kept).toBe(3);
  expect((await drain(journal)).map(({ policy }) => policy)).toEqual(['crm', 'crm', 'pay']);
});

test('what it remembers is bounded, and holds what is used', () => {
  const recent = new RecentKeys(10);
  for (let index = 0; index < 1_000; index++) {
    recent.add(`key ${index}`);
    recent.add('used');
    expect(recent.has(`key ${index}`)).toBe(true);
  }
  expect(recent.has('used')).toBe(true);
  expect(recent.has('key 900')).toBe(false);
});

test('a full spool refuses new tokens, still lets known ones through, and takes new ones when there is room', async () => {
  const journal = journalOf({ maxBytes: 2_000, segmentBytes: 500 });
  const { vault, problems } = vaultOn(journal);
  const crm = vault.of('crm');
  let refused = 0;
  for (let index = 0; index < 50; index++) {
    try {
      crm?.put(`tok_${index}`, 'secret value');
    } catch (error) {
      expect(error).toMatchObject({ refusal: { code: 'SCRIM_TOKEN_UNKEPT' } });
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(0);
  expect(problems).toHaveLength(refused);
  expect(String(problems[0])).not.toContain('secret value');
  expect(journal.full).toBe(true);
  expect(onDisk().reduce((sum, bytes) => sum + bytes.length, 0)).toBeLessThanOrEqual(2_000);
  crm?.put('tok_0', 'secret value');
  expect(await drain(journal)).toHaveLength(50 - refused);
  expect([journal.bytes, journal.full]).toEqual([0, false]);
  crm?.put('tok_49', 'secret value');
  expect(await drain(journal)).toHaveLength(1);
});

test('a disk that fails, a value too large, and a vault that went away refuse the token', () => {
  const broken = {
    append: () => {
      throw new Error('ENOSPC');
    },
  };
  expect(() => vaultOn(broken).vault.of('crm')?.put('tok_a', 'v')).toThrow('SCRIM_TOKEN_UNKEPT');
  const { vault } = vaultOn(journalOf());
  const crm = vault.of('crm');
  expect(() => crm?.put('tok_a', 'x'.repeat(64 * 1024 + 1))).toThrow('64 KiB');
  // A numeric keeps its scale; the control plane would refuse the whole report.
  expect(() => crm?.put(`-8000000000000001.${'0'.repeat(300)}`, '1')).toThrow('64 KiB');
  vault.follow({ maskingKey });
  expect(vault.of('crm')).toBeUndefined();
  expect(() => crm?.put('tok_b', 'v')).toThrow('no token vault');
  expect(() => vault.follow({ maskingKey, vault: { keyId: 'k', publicKey: 'AAAA' } })).toThrow('no X25519');
});

test('a new vault key holds from the next pair on, also for rules compiled before', async () => {
  const journal = journalOf();
  const { vault } = vaultOn(journal);
  const crm = vault.of('crm');
  const fresh = generateVaultKey();
  crm?.put('tok_a', 'one');
  vault.follow(snapshot(fresh, 'key-2'));
  crm?.put('tok_b', 'two');
  const kept = await drain(journal);
  expect(kept.map(({ keyId }) => keyId)).toEqual(['key-1', 'key-2']);
  expect(openSealed(kept[1]?.sealed as Uint8Array, 'tok_b', fresh.secret)).toBe('two');
});

test('many more values than one ephemeral key seals all open', async () => {
  const journal = journalOf({ maxBytes: 16 * 1024 * 1024 });
  const { vault } = vaultOn(journal, 10);
  const crm = vault.of('crm');
  for (let index = 0; index < 9_000; index++) crm?.put(`tok_${index}`, `value ${index}`);
  const kept = await drain(journal);
  expect(kept).toHaveLength(9_000);
  for (const index of [0, 4_095, 4_096, 8_191, 8_192, 8_999])
    expect(openSealed(kept[index]?.sealed as Uint8Array, `tok_${index}`, key.secret)).toBe(`value ${index}`);
  expect(new Set(kept.map(({ sealed }) => Buffer.from(sealed.subarray(1, 33)).toString('hex'))).size).toBe(3);
});

test('what was written before a kill is there afterwards; half a record is left out', async () => {
  const killed = journalOf();
  const { vault } = vaultOn(killed);
  for (const token of ['tok_a', 'tok_b']) vault.of('crm')?.put(token, 'v');
  const [name] = readdirSync(folder);
  appendFileSync(join(folder, name as string), Buffer.from([0, 0, 1, 0, 9, 9]));
  const again = journalOf();
  vaultOn(again).vault.of('crm')?.put('tok_c', 'v');
  const first = await again.next();
  expect([first?.damaged, tokensOf(first).map(({ token }) => token)]).toEqual([true, ['tok_a', 'tok_b']]);
  first?.done();
  expect((await drain(again)).map(({ token }) => token)).toEqual(['tok_c']);
  expect(readdirSync(folder)).toEqual([]);
});

test('a record the disk changed is never sent', async () => {
  const journal = journalOf();
  vaultOn(journal).vault.of('crm')?.put('tok_a', 'v');
  const path = join(folder, readdirSync(folder)[0] as string);
  const bytes = readFileSync(path);
  bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1;
  writeFileSync(path, bytes);
  expect(await journal.next()).toMatchObject({ records: [], damaged: true });
});

test('the shipper brings everything across failures, at least once, and forgets what was taken', async () => {
  const journal = journalOf({ segmentBytes: 4_000 });
  const { vault } = vaultOn(journal);
  const arrived = new Set<string>();
  let calls = 0;
  const shipper = new TokenShipper({
    journal,
    gatherMs: 1,
    put: async (tokens) => {
      calls += 1;
      // Every second call stores and then loses the answer, every third is not even heard.
      if (calls % 3 === 0) throw new Error('away');
      for (const { token } of tokens) arrived.add(token);
      if (calls % 2 === 0) throw new Error('the answer was lost');
    },
    problem: () => undefined,
  });
  shipper.start();
  for (let index = 0; index < 200; index++) {
    vault.of('crm')?.put(`tok_${index}`, `value ${index}`);
    if (index % 20 === 0) await sleep(5);
  }
  for (let wait = 0; wait < 400 && journal.bytes > 0; wait++) await sleep(25);
  await shipper.stop();
  expect([arrived.size, journal.bytes, readdirSync(folder)]).toEqual([200, 0, []]);
});

test('stopping keeps what waits for the next start', async () => {
  const journal = journalOf();
  const shipper = new TokenShipper({
    journal,
    gatherMs: 1,
    put: () => Promise.reject(new Error('away')),
    problem: () => undefined,
  });
  shipper.start();
  vaultOn(journal).vault.of('crm')?.put('tok_a', 'v');
  await sleep(50);
  await shipper.stop();
  await journal.close();
  expect(() => journal.append(Buffer.from('x'))).toThrow('closed');
  expect((await drain(journalOf())).map(({ token }) => token)).toEqual(['tok_a']);
});
