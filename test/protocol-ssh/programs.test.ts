import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Gateway, GITHUB, SECRETS, Sshd } from './harness.ts';

let sshd: Sshd;
let gateway: Gateway;

beforeAll(async () => {
  sshd = await Sshd.start();
  gateway = await Gateway.open(sshd, [SECRETS]);
}, 120_000);

afterAll(async () => {
  await gateway.close();
  sshd.stop();
});

test('a command runs, its exit status comes back and its text is masked', async () => {
  const said = await gateway.ssh([`echo hello ${GITHUB}; exit 7`]);
  expect(said.err).toBe('');
  expect(said.out).toBe('hello ***MASKED***\n');
  expect(said.code).toBe(7);
});

test('standard error is apart, and masked', async () => {
  const said = await gateway.ssh([`echo out; echo ${GITHUB} >&2`]);
  expect([said.out, said.err, said.code]).toEqual(['out\n', '***MASKED***\n', 0]);
});
