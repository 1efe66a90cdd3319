import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { loadDocument } from './document.ts';
import { Failure } from './failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'scrim-document-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const file = join(folder, 'scrim.yaml');
  writeFileSync(file, text);
  return file;
}

const CONNECTION = `apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: db, database: shop }
    credential: { username: app, password: { file: secrets/shop } }
`;

test('a secret file is meant beside the document, wherever the edge runs', () => {
  const document = loadDocument(fileWith(CONNECTION));
  expect(document.connections[0]?.credential).toEqual({
    username: 'app',
    password: { file: join(folder, 'secrets/shop') },
  });
});

test("a target's CA file is meant beside the document too, a certificate in the document is left alone", () => {
  const withCa = (ca: string) =>
    CONNECTION.replace(
      'database: shop }',
      `database: shop, tls: { verify-full: { ca: ${JSON.stringify(ca)} } } }`,
    );
  const caOf = (text: string) => loadDocument(fileWith(text)).connections[0]?.target;
  expect(caOf(withCa('ca.pem'))).toMatchObject({ tls: { 'verify-full': { ca: join(folder, 'ca.pem') } } });
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';
  expect(caOf(withCa(pem))).toMatchObject({ tls: { 'verify-full': { ca: pem } } });
});

test('every fault is one line with file, line, problem and mend', () => {
  const broken = CONNECTION.replace('protocol: postgres', 'protocol: postgress').replace(
    'app,',
    'app, colour: red,',
  );
  try {
    loadDocument(fileWith(broken));
    throw new Error('it was accepted');
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).message).toMatch(/scrim\.yaml:4:\d+ .*postgres/);
    expect((error as Failure).exitCode).toBe(2);
  }
});

test('a file that is not there says so', () => {
  expect(() => loadDocument(join(folder, 'nowhere.yaml'))).toThrow(/cannot read .*nowhere\.yaml/);
});
