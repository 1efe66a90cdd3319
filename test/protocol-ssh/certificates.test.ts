import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { issueCertificate, provenCertificate, publicKeyBlob } from '@scrim/protocol-ssh/certificate';
import { authority, Gateway, SECRETS, Sshd } from './harness.ts';

let sshd: Sshd;
let gateway: Gateway;
const ours = authority();

beforeAll(async () => {
  sshd = await Sshd.start();
  gateway = await Gateway.open(sshd, [SECRETS]);
  gateway.certified = async (blob) => {
    const { keyId } = provenCertificate(blob, [publicKeyBlob(ours.publicKey)]);
    return { ...gateway.caller, subject: keyId };
  };
}, 120_000);

afterAll(async () => {
  await gateway.close();
  sshd.stop();
});

/** A key with a certificate beside it; options that offer nothing else. */
function certified(name: string, type: readonly string[]): string[] {
  const file = join(gateway.folder, name);
  execFileSync('ssh-keygen', ['-q', '-N', '', '-f', file, '-t', ...type]);
  const line = issueCertificate(
    {
      publicKey: readFileSync(`${file}.pub`, 'utf8'),
      serial: 1n,
      keyId: `${name}@example.com`,
      principals: ['web1'],
      validAfter: 0n,
      validBefore: 1n << 40n,
      caller: { groups: [], kind: 'person', tokenId: 't' },
    },
    ours.key,
    ours.publicKey,
  );
  writeFileSync(`${file}-cert.pub`, `${line}\n`);
  return [
    'PubkeyAuthentication=yes',
    'PreferredAuthentications=publickey',
    'IdentitiesOnly=yes',
    `IdentityFile=${file}`,
  ];
}

test.each([
  ['ed25519', ['ed25519']],
  ['ecdsa256', ['ecdsa', '-b', '256']],
  ['ecdsa521', ['ecdsa', '-b', '521']],
  ['rsa', ['rsa', '-b', '3072']],
])('a client with an %s key and its certificate gets in', async (name, type) => {
  gateway.recorded.length = 0;
  const said = await gateway.ssh(['echo in'], { more: certified(name, type) });
  expect([said.err, said.out]).toEqual(['', 'in\n']);
  expect(gateway.kept()).toContain(`${name}@example.com`);
});

test('a plain key, and a certificate whose key is another one, stay out', async () => {
  const more = certified('swapped', ['ed25519']);
  const plain = join(gateway.folder, 'plain');
  execFileSync('ssh-keygen', ['-q', '-N', '', '-f', plain, '-t', 'ed25519']);
  const options = more.slice(0, 3);
  expect((await gateway.ssh(['true'], { more: [...options, `IdentityFile=${plain}`] })).code).toBe(255);
  const certificate = `CertificateFile=${join(gateway.folder, 'swapped-cert.pub')}`;
  expect(
    (await gateway.ssh(['true'], { more: [...options, `IdentityFile=${plain}`, certificate] })).code,
  ).toBe(255);
});
