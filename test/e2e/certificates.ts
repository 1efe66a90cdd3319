import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY = 86_400_000;

/** Paths of PEM files. */
export interface ServerFiles {
  readonly key: string;
  readonly cert: string;
}

/** A private authority as companies have one, with its certificate in a file. */
export interface TestAuthority {
  readonly ca: string;
  /** A certificate for these host names and IP addresses; the key's file has mode 0600. */
  server(name: string, ...hosts: string[]): Promise<ServerFiles>;
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Makes an authority and keeps what it issues in `folder`. */
export async function testAuthority(folder: string, name: string): Promise<TestAuthority> {
  x509.cryptoProvider.set(webcrypto as never);
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const life = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY) };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(8).toString('hex').replace(/^./, '1'),
    name: `CN=${name}`,
    ...life,
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const ca = join(folder, `${name}-ca.pem`);
  writeFileSync(ca, authority.toString('pem'));
  return {
    ca,
    async server(file, ...hosts) {
      const own = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
      const names = hosts.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: randomBytes(8).toString('hex').replace(/^./, '1'),
        subject: `CN=${file}`,
        issuer: authority.subject,
        ...life,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: SIGNING,
        extensions: [new x509.SubjectAlternativeNameExtension(names)],
      });
      const files = { key: join(folder, `${file}.key`), cert: join(folder, `${file}.pem`) };
      const der = await webcrypto.subtle.exportKey('pkcs8', own.privateKey);
      writeFileSync(files.key, pem('PRIVATE KEY', der), { mode: 0o600 });
      writeFileSync(files.cert, certificate.toString('pem'));
      return files;
    },
  };
}
