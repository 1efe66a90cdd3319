import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, GITHUB, Sshd } from '../protocol-ssh/harness.ts';
import { eventually, type Stand, startStand } from './stand.ts';

interface Page<T> {
  readonly items: readonly T[];
}

let sshd: Sshd;
let stand: Stand;
let client: Client;
let folder: string;

beforeAll(async () => {
  sshd = await Sshd.start();
  folder = mkdtempSync(join(tmpdir(), 'scrim-e2e-ssh-'));
  stand = await startStand({
    setup: 'select 1',
    document: `apiVersion: scrim/v1
connections:
  - name: web1
    protocol: ssh
    target: { host: 127.0.0.1, port: ${sshd.port}, hostKey: "${sshd.hostKey}" }
    credential: { username: ${sshd.user}, privateKey: { file: ${join(sshd.folder, 'user')} } }
    labels: { env: prod }
policies:
  - name: hosts
    match: { labels: { env: prod }, groups: [agents] }
    mask:
      - { detect: [secrets] }
    interactive: record
    guard:
      - { when: { shell: { commands: [rm] } }, do: hold }
      - { when: { sftp: { paths: ["/etc/**"] } }, do: block }
    approve: { by: [dba] }
`,
  });
  const { ssh } = stand.ready();
  client = new Client(folder, ssh.port, ssh.knownHosts);
}, 120_000);

afterAll(async () => {
  await stand?.stop();
  sshd?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const token = () => stand.token({ connection: 'web1' });

test('a caller runs a command with a token, reads masked text, and the session replays', async () => {
  const said = await client.ssh([`echo one ${GITHUB}`], { env: { SCRIM_TEST_TOKEN: await token() } });
  expect([said.err, said.out, said.code]).toEqual(['', 'one ***MASKED***\n', 0]);
  const session = await eventually(async () => {
    const { items } = await stand.rest<Page<{ id: string; ending?: string }>>(
      'GET',
      '/v1/sessions?connection=web1',
    );
    return items.find((it) => it.ending);
  });
  const played = await stand.scrim('sessions', 'replay', session.id);
  expect(played).toContain('one ***MASKED***');
  expect(played).toContain('exit 0');
  expect(played).not.toContain(GITHUB);
  const cast = await stand.scrim('sessions', 'replay', session.id, '--cast');
  const [header = '', ...events] = cast.trim().split('\n');
  expect(JSON.parse(header)).toMatchObject({ version: 2 });
  expect(events.map((it) => JSON.parse(it)[2]).join('')).toBe('one ***MASKED***\r\n');
  expect(await stand.scrim('sessions', 'verify', session.id)).toContain('hold');
});

test('a held command is approved in the CLI and runs', async () => {
  writeFileSync(sshd.path('old'), 'x');
  const running = client.ssh([`rm ${sshd.path('old')}; echo gone`], {
    env: { SCRIM_TEST_TOKEN: await token() },
  });
  const held = await eventually(async () => {
    const { items } = await stand.rest<Page<{ id: string }>>('GET', '/v1/approvals?state=pending');
    return items[0];
  });
  await stand.scrim('approvals', 'approve', held.id);
  expect((await running).out).toBe('gone\n');
});

test('a certificate of `scrim login` opens its connection until it is revoked, and no other does', async () => {
  const keys = join(folder, 'login');
  const printed = await stand.scrim('login', '--connection', 'web1', '--ssh', keys);
  expect(printed).toContain('is valid until');
  expect(readFileSync(join(keys, 'known_hosts'), 'utf8')).toContain('ssh-ed25519');
  const more = [
    'PubkeyAuthentication=yes',
    'PreferredAuthentications=publickey',
    'IdentitiesOnly=yes',
    `IdentityFile=${join(keys, 'id_scrim')}`,
  ];
  const said = await client.ssh(['echo by certificate'], { more });
  expect([said.err, said.out]).toEqual(['', 'by certificate\n']);
  expect((await client.ssh(['true'], { more, user: 'web2' })).code).toBe(255);
  const certificate = readFileSync(join(keys, 'id_scrim-cert.pub'), 'utf8');
  const pasted = await client.ssh(['true'], { env: { SCRIM_TEST_TOKEN: certificate.slice(0, 1_000) } });
  expect(pasted.code).toBe(255);
  const { items } = await stand.rest<Page<{ tokenId: string; issuedBy: string; connections: string[] }>>(
    'GET',
    '/v1/tokens?limit=100',
  );
  for (const { tokenId } of items) await stand.rest('POST', `/v1/tokens/${tokenId}/revoke`);
  const after = await eventually(async () => {
    const tried = await client.ssh(['true'], { more: [...more, 'LogLevel=INFO'] });
    return tried.code === 255 ? tried : undefined;
  });
  expect(after.err).toContain('revoked');
});

test('a certificate of somebody else’s authority is refused', async () => {
  const at = (name: string) => join(folder, name);
  for (const name of ['ca', 'mine'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
  execFileSync('ssh-keygen', [
    '-q',
    '-s',
    at('ca'),
    '-I',
    'alice@example.com',
    '-n',
    'web1',
    '-V',
    '+1h',
    at('mine.pub'),
  ]);
  const more = [
    'PubkeyAuthentication=yes',
    'PreferredAuthentications=publickey',
    'IdentitiesOnly=yes',
    `IdentityFile=${at('mine')}`,
  ];
  expect((await client.ssh(['true'], { more })).code).toBe(255);
});

test('the edge is listed with its known_hosts line', async () => {
  const { items } = await stand.rest<Page<{ knownHosts?: string }>>('GET', '/v1/edges');
  expect(items.map((it) => it.knownHosts)).toEqual([stand.ready().ssh.knownHosts]);
});

test('files are governed like everything else', async () => {
  const env = { SCRIM_TEST_TOKEN: await token() };
  writeFileSync(sshd.path('notes'), `token ${GITHUB}\n`);
  const down = await client.sftp(`get ${sshd.path('notes')} ${join(folder, 'notes')}\n`, [], env);
  expect([down.err, down.code]).toEqual(['', 0]);
  expect(readFileSync(join(folder, 'notes'), 'utf8')).toBe('token ***MASKED***\n');
  expect((await client.sftp('get /etc/hostname /dev/null\n', [], env)).err).toContain('SCRIM_GUARD_BLOCKED');
});
