import 'reflect-metadata';
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, createServer, type TlsOptions } from 'node:tls';
import { expect, test } from '@jest/globals';
import * as x509 from '@peculiar/x509';
import { Authority, makeAuthority } from './authority.ts';
import { checkRequest } from './certificate-request.ts';
import { hashJoinToken, mintJoinToken } from './join-token.ts';
import { edgeOfAltNames } from './spiffe.ts';

const EDGE = '0190a1b2-0000-7000-8000-000000000001';
const DAY = 86_400_000;

async function request(algorithm: 'Ed25519' | 'P-256' | 'P-384' | 'RSA'): Promise<Buffer> {
  const params = {
    Ed25519: { name: 'Ed25519' },
    'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
    'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-256' },
    RSA: {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
  }[algorithm];
  const keys = (await webcrypto.subtle.generateKey(params, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=spiffe://scrim/control-plane',
    keys,
    signingAlgorithm: params,
  });
  return Buffer.from(csr.rawData);
}

test('certifies an edge key with its own identity, whatever name the request asked for', async () => {
  const now = Date.now();
  const authority = await Authority.open(await makeAuthority(now));
  for (const kind of ['Ed25519', 'P-256'] as const) {
    const issued = await authority.issueEdge(await checkRequest(await request(kind)), EDGE, now, DAY);
    const parsed = new X509Certificate(issued.der);
    expect(edgeOfAltNames(parsed.subjectAltName)).toBe(EDGE);
    expect(parsed.subject).toBe(`CN=${EDGE}`);
    expect(parsed.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
    expect(parsed.ca).toBe(false);
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(new Date(parsed.validTo).getTime()).toBe(issued.notAfter.getTime());
    expect(Math.abs(issued.notAfter.getTime() - now - DAY)).toBeLessThan(1000);
  }
});

/** Handshakes for real; resolves with what either side had against the other. */
async function handshake(server: TlsOptions, client: ConnectionOptions): Promise<string> {
  const complaints: string[] = [];
  const listener = createServer({ ...server, requestCert: true, rejectUnauthorized: false }, (socket) => {
    if (!socket.authorized) complaints.push(`client: ${socket.authorizationError}`);
    socket.on('error', () => {}).end('x');
  });
  listener.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    const socket = connect({ ...client, port, host: '127.0.0.1', checkServerIdentity: () => undefined });
    socket.on('error', (error) => complaints.push(`server: ${error.message}`));
    socket.on('close', () => resolve());
    socket.resume();
  });
  await new Promise((resolve) => listener.close(resolve));
  return complaints.join('; ');
}

test('TLS takes its certificates for what they are for, and for nothing else', async () => {
  const now = Date.now();
  const [ours, theirs] = [
    await Authority.open(await makeAuthority(now)),
    await Authority.open(await makeAuthority(now)),
  ];
  const keys = generateKeyPairSync('ed25519');
  const edgeRequest = { publicKey: keys.publicKey.export({ format: 'der', type: 'spki' }) };
  const issued = await ours.issueEdge(edgeRequest, EDGE, now, DAY);
  const edge = {
    key: keys.privateKey.export({ format: 'pem', type: 'pkcs8' }),
    cert: new X509Certificate(issued.der).toString(),
  };
  const { key, chain } = await ours.issueServer(['127.0.0.1', 'plane.example'], now, DAY);
  const server = { key, cert: chain };
  expect(await handshake({ ...server, ca: ours.pem }, { ...edge, ca: ours.pem })).toBe('');
  expect(await handshake({ ...server, ca: theirs.pem }, { ...edge, ca: ours.pem })).toMatch(/^client: /);
  expect(await handshake({ ...server, ca: ours.pem }, { ...edge, ca: theirs.pem })).toMatch(/server: /);
  // An edge cannot pass for the control plane, nor the control plane's listener for an edge.
  expect(await handshake({ ...edge, ca: ours.pem }, { ca: ours.pem })).toMatch(/server: .*purpose/i);
  expect(await handshake({ ...server, ca: ours.pem }, { ...server, ca: ours.pem })).toMatch(
    /client: .*PURPOSE/i,
  );
});

test('refuses other keys, a signature that does not hold, garbage and too much of it', async () => {
  await expect(checkRequest(await request('P-384'))).rejects.toThrow('use Ed25519 or EC P-256');
  await expect(checkRequest(await request('RSA'))).rejects.toThrow('use Ed25519 or EC P-256');
  const forged = await request('Ed25519');
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  await expect(checkRequest(forged)).rejects.toThrow('not signed by the key it names');
  await expect(checkRequest(Buffer.from('hello'))).rejects.toThrow('could not be understood');
  await expect(checkRequest(Buffer.alloc(5000))).rejects.toThrow('bytes');
});

test('the authority key must be the one of its certificate kind', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const wrong = privateKey.export({ format: 'der', type: 'pkcs8' });
  const { certificate } = await makeAuthority(Date.now());
  await expect(Authority.open({ privateKey: wrong, certificate })).rejects.toThrow();
});

test('edge names are exact', () => {
  expect(edgeOfAltNames(`URI:spiffe://scrim/edge/${EDGE}`)).toBe(EDGE);
  expect(edgeOfAltNames(`URI:spiffe://scrim/edge/${EDGE}, DNS:x`)).toBeUndefined();
  expect(edgeOfAltNames(`URI:spiffe://scrim/edge/${EDGE}/x`)).toBeUndefined();
  expect(edgeOfAltNames('URI:spiffe://scrim/control-plane')).toBeUndefined();
  expect(edgeOfAltNames(`DNS:spiffe://scrim/edge/${EDGE}`)).toBeUndefined();
  expect(edgeOfAltNames(undefined)).toBeUndefined();
});

test('join tokens carry the pin, never repeat, and are stored as a hash', () => {
  const pin = 'ab'.repeat(32);
  const one = mintJoinToken(pin);
  expect(one.token).toMatch(/^scrim_join_[\w-]{80}$/);
  expect(Buffer.from(one.token.slice(11), 'base64url').subarray(0, 32).toString('hex')).toBe(pin);
  expect(mintJoinToken(pin).token).not.toBe(one.token);
  expect(hashJoinToken(one.token).equals(one.hash)).toBe(true);
});
