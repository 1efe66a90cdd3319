import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import {
  CertificateError,
  issueCertificate,
  provenCertificate,
  provesPossession,
  publicKeyBlob,
} from './certificate.ts';
import { string } from './ssh-bytes.ts';

let folder: string;
const authority = generateKeyPairSync('ed25519');
const trusted = [publicKeyBlob(authority.publicKey)];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrim-cert-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function keygen(...args: string[]): string {
  return execFileSync('ssh-keygen', args, { encoding: 'utf8' });
}

/** A key made by OpenSSH; its public line. */
function keyOf(name: string, type: string[]): string {
  keygen('-q', '-N', '', '-C', 'x', '-f', join(folder, name), '-t', ...type);
  return readFileSync(join(folder, `${name}.pub`), 'utf8');
}

function issue(publicKey: string, by: { privateKey: KeyObject; publicKey: KeyObject } = authority): string {
  return issueCertificate(
    {
      publicKey,
      serial: 7n,
      keyId: 'alice@example.com',
      principals: ['web1', 'web2'],
      validAfter: 1_000n,
      validBefore: 4_102_444_800n,
      caller: { groups: ['ops'], kind: 'person', tokenId: 't-1' },
    },
    by.privateKey,
    by.publicKey,
  );
}

const blobOf = (line: string) => Buffer.from(line.split(' ')[1] ?? '', 'base64');

test.each([
  ['ed25519', ['ed25519']],
  ['ecdsa', ['ecdsa', '-b', '256']],
  ['ecdsa384', ['ecdsa', '-b', '384']],
  ['rsa', ['rsa', '-b', '2048']],
])('a certificate for an %s key is one OpenSSH reads, and says what it was told', (name, type) => {
  const line = issue(keyOf(name, type));
  writeFileSync(join(folder, `${name}-cert.pub`), `${line}\n`);
  const shown = keygen('-L', '-f', join(folder, `${name}-cert.pub`));
  expect(shown).toContain('user certificate');
  expect(shown).toContain('Key ID: "alice@example.com"');
  expect(shown).toContain('Serial: 7');
  expect(shown).toMatch(/Principals:\s+web1\s+web2/);
  const certificate = provenCertificate(blobOf(line), trusted);
  expect(certificate).toMatchObject({
    keyId: 'alice@example.com',
    principals: ['web1', 'web2'],
    validAfter: 1_000n,
    caller: { groups: ['ops'], kind: 'person', tokenId: 't-1' },
  });
});

test('possession is proven by the key alone', () => {
  const line = issue(keyOf('mine', ['ed25519']));
  const key = ssh2.utils.parseKey(readFileSync(join(folder, 'mine')));
  if (key instanceof Error || Array.isArray(key)) throw new Error('no key');
  const message = Buffer.from('session and request');
  const signature = Buffer.concat([string('ssh-ed25519'), string(key.sign(message) as Buffer)]);
  expect(provesPossession(blobOf(line), message, signature)).toBe(true);
  expect(provesPossession(blobOf(line), Buffer.from('another session'), signature)).toBe(false);
  expect(provesPossession(blobOf(line), message, Buffer.concat([signature, Buffer.of(0)]))).toBe(false);
  expect(provesPossession(blobOf(line), message, Buffer.concat([string('ssh-rsa'), string('x')]))).toBe(
    false,
  );
  expect(provesPossession(blobOf(issue(keyOf('other', ['ed25519']))), message, signature)).toBe(false);
  expect(provesPossession(Buffer.from('no certificate'), message, signature)).toBe(false);
});

test('every changed bit of a certificate is noticed', () => {
  const blob = blobOf(issue(keyOf('bits', ['ed25519'])));
  for (let at = 0; at < blob.length; at++) {
    const changed = Buffer.from(blob);
    changed[at] = (changed[at] as number) ^ 1;
    expect(() => provenCertificate(changed, trusted)).toThrow(CertificateError);
  }
});

test('every cut of a certificate is refused, and so is what follows it', () => {
  const blob = blobOf(issue(keyOf('cut', ['ed25519'])));
  for (let length = 0; length < blob.length; length += 3) {
    expect(() => provenCertificate(blob.subarray(0, length), trusted)).toThrow(CertificateError);
  }
  expect(() => provenCertificate(Buffer.concat([blob, Buffer.of(0)]), trusted)).toThrow('bytes follow');
});

test('another authority, a host certificate, and one of OpenSSH without our caller are refused', () => {
  const other = generateKeyPairSync('ed25519');
  expect(() => provenCertificate(blobOf(issue(keyOf('a', ['ed25519']), other)), trusted)).toThrow(
    'not signed by',
  );
  // Names our authority, and is signed by another one.
  const forged = issueCertificate(
    {
      publicKey: keyOf('b', ['ed25519']),
      serial: 1n,
      keyId: 'eve',
      principals: [],
      validAfter: 0n,
      validBefore: 1n << 62n,
      caller: { groups: ['admins'], kind: 'person', tokenId: 'x' },
    },
    other.privateKey,
    authority.publicKey,
  );
  expect(() => provenCertificate(blobOf(forged), trusted)).toThrow('signature is wrong');
  keyOf('ca', ['ed25519']);
  const ca = blobOf(readFileSync(join(folder, 'ca.pub'), 'utf8'));
  for (const [kind, words] of [
    [['-h'], 'no user certificate'],
    [[], 'does not say who'],
  ] as const) {
    keyOf(`k${kind.length}`, ['ed25519']);
    keygen(
      '-q',
      '-s',
      join(folder, 'ca'),
      '-I',
      'x',
      ...kind,
      '-n',
      'web1',
      join(folder, `k${kind.length}.pub`),
    );
    const line = readFileSync(join(folder, `k${kind.length}-cert.pub`), 'utf8');
    expect(() => provenCertificate(blobOf(line), [ca])).toThrow(words);
  }
});

test('only keys that can be used are certified', () => {
  expect(() => issue('ssh-dss AAAA')).toThrow('not taken');
  expect(() => issue('ssh-ed25519 AAAA')).toThrow(CertificateError);
  expect(() => issue(keyOf('short', ['rsa', '-b', '1024']))).toThrow(CertificateError);
});
