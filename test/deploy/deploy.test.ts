import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}

const DEPLOY = filesIn('deploy');
const SETTING = /\b(SCRIM_[A-Z_]*[A-Z]|DATABASE_URL|REDIS_URL|VAULT_ADDR|VAULT_TOKEN)(_FILE)?\b/g;

/** What the two config readers look at; `secretUrl` and `key` also read the variable with `_FILE`. */
function readSettings(): Set<string> {
  const sources = [
    'control-plane/src/config.ts',
    'edge/src/config.ts',
    'edge/src/main.ts',
    'edge/src/protocols.ts',
  ];
  const text = sources.map((file) => read(`apps/${file}`)).join('\n');
  const named = [...text.matchAll(/['.]((?:SCRIM_|DATABASE_|REDIS_)[A-Z_]+)\b/g)].map((it) => String(it[1]));
  const fromFiles = [...text.matchAll(/reader\.(?:secretUrl|key)\('([A-Z_]+)'/g)].map(
    (it) => `${it[1]}_FILE`,
  );
  return new Set([...named, ...fromFiles]);
}

/** Composed on the user's side: the image to run. */
const OURS = new Set(['SCRIM_IMAGE']);

test('every setting in deploy/ is one that a config reader reads', () => {
  const known = readSettings();
  expect(known.size).toBeGreaterThan(30);
  const unknown = DEPLOY.flatMap((file) =>
    [...read(file).matchAll(SETTING)]
      .map((it) => it[0])
      .filter((name) => !known.has(name) && !OURS.has(name))
      .map((name) => `${file}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('every setting a config reader reads is documented', () => {
  const docs = ['control-plane', 'edge'].map((it) => read(`docs/configuration/${it}.md`)).join('\n');
  expect([...readSettings()].filter((name) => !docs.includes(`\`${name}\``))).toEqual([]);
});

test('what the Dockerfile copies is there, what it runs is what the workspace pins', () => {
  const dockerfile = read('deploy/docker/Dockerfile');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((it) =>
    String(it[1]).split(' '),
  );
  expect(copied).toContain('pnpm-lock.yaml');
  expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const { packageManager } = JSON.parse(read('package.json')) as { packageManager: string };
  expect(dockerfile).toContain(`npm install --global ${packageManager}\n`);
  expect(dockerfile).toMatch(/^USER node$/m);
  expect(dockerfile).not.toMatch(/curl|wget|apt-get|ADD |https?:/);
  // The console is served from its built files: without them the image starts and shows nothing.
  expect(dockerfile).toMatch(/tsc --build .*apps\/console/);
  for (const name of ['control-plane', 'edge', 'cli']) {
    expect(dockerfile).toContain(`--filter "@scrim/${name}..."`);
    expect(existsSync(join(ROOT, 'apps', name, 'src/main.ts'))).toBe(true);
  }
});

test('the entry point hands each name to its program and its arguments on', () => {
  const script = join(ROOT, 'deploy/docker/scrim');
  expect(statSync(script).mode & 0o111).toBe(0o111);
  const folder = mkdtempSync(join(tmpdir(), 'scrim-entry-'));
  writeFileSync(join(folder, 'node'), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  const said = (...args: string[]) =>
    execFileSync('/bin/sh', [script, ...args], { encoding: 'utf8', env: { PATH: folder } }).trim();
  expect(said('control-plane')).toBe('/opt/scrim/apps/control-plane/dist/main.js');
  expect(said('control-plane', 'admin-key', 'a b')).toBe(
    '/opt/scrim/apps/control-plane/dist/main.js admin-key a b',
  );
  expect(said('edge')).toBe('--max-semi-space-size=4 /opt/scrim/apps/edge/dist/main.js');
  expect(said('edge', '--join', 't')).toBe('/opt/scrim/apps/cli/dist/main.js edge --join t');
  expect(said('sessions', 'ls')).toBe('/opt/scrim/apps/cli/dist/main.js sessions ls');
  rmSync(folder, { recursive: true });
});

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

test('compose: parts wait for health, secrets are files that are declared, none stands in the environment', () => {
  const compose = parse(read('deploy/compose/compose.yaml'), { merge: true }) as {
    services: Record<string, Service>;
    secrets: Record<string, { file: string }>;
  };
  expect(Object.keys(compose.services).sort()).toEqual(['control-plane', 'edge', 'postgres', 'redis']);
  for (const service of Object.values(compose.services)) {
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
    for (const secret of service.secrets ?? [])
      expect(compose.secrets[secret]?.file).toMatch(/^\.\/secrets\//);
    for (const [name, value] of Object.entries(service.environment ?? {})) {
      if (/PASSWORD|_URL_FILE|KEY|TOKEN/.test(name))
        expect([name, value]).toEqual([name, expect.stringMatching(/^\/run\/secrets\//)]);
      const secret = /^\/run\/secrets\/(.+)$/.exec(value)?.[1];
      if (secret) expect(service.secrets).toContain(secret);
    }
    for (const [on, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect([on in compose.services, condition]).toEqual([true, 'service_healthy']);
    }
  }
});

/** Renders the little of the template language that the chart uses: enough to see that what comes out is YAML. */
function render(template: string, values: unknown): string {
  const names = new Map(
    [
      ...read('deploy/helm/scrim/templates/_names.tpl').matchAll(
        /define "([^"]+)" -}}\n([\s\S]*?)\n{{- end }}/g,
      ),
    ].map((it) => [String(it[1]), String(it[2])]),
  );
  const at = (path: string): unknown =>
    path
      .split('.')
      .reduce<unknown>((found, key) => (found as Record<string, unknown> | undefined)?.[key], values);
  const value = (path: string): string => {
    const found = at(path);
    if (found === undefined) throw new Error(`values.yaml has no ${path}`);
    return typeof found === 'object' ? JSON.stringify(found) : String(found);
  };
  const indent = (text: string, by: number) => `\n${text.replace(/^/gm, ' '.repeat(by))}`;
  const expand = (text: string): string =>
    text
      .replace(/ *{{- (?:if|with|end)[^}]*}}\n?/g, '')
      .replace(/ *{{- toYaml \. \| nindent \d+ }}\n/g, '')
      .replace(/{{- include "([^"]+)" \. \| nindent (\d+) }}/g, (_, name, by) =>
        indent(expand(names.get(name) ?? ''), Number(by)),
      )
      .replace(/{{ include "([^"]+)" \. }}/g, (_, name) => expand(names.get(name) ?? ''))
      .replace(/{{- default [^}]*\.Values\.([\w.]+) [^}]*}}/g, (_, path) => ` ${value(path)}`)
      .replace(/{{- toYaml \.Values\.([\w.]+) [^}]*}}/g, (_, path) => ` ${value(path)}`)
      .replace(/{{ prepend \.Values\.([\w.]+) [^}]*}}/g, (_, path) => JSON.stringify(value(path)))
      .replace(/{{ \.Values\.([\w.]+) \| quote }}/g, (_, path) => JSON.stringify(value(path)))
      .replace(/{{ \.Values\.([\w.]+) }}/g, (_, path) => value(path))
      .replace(/{{ \.(?:Release|Chart)\.\w+ (?:\| quote )?}}|{{ \. }}/g, 'scrim');
  return expand(template);
}

test('helm: every value exists, every manifest is YAML with the kinds that are meant', () => {
  const values = parse(read('deploy/helm/scrim/values.yaml')) as unknown;
  expect(parse(read('deploy/helm/scrim/Chart.yaml'))).toMatchObject({ apiVersion: 'v2', name: 'scrim' });
  const templates = DEPLOY.filter((file) => /templates\/.*\.yaml$/.test(file));
  const kinds = templates.flatMap((file) => {
    const text = render(read(file), values);
    expect([file, text]).toEqual([file, expect.not.stringContaining('{{')]);
    return parseAllDocuments(text).map((document) => {
      expect([file, document.errors]).toEqual([file, []]);
      const { kind } = document.toJS() as { kind: string };
      return kind;
    });
  });
  expect(kinds.sort()).toEqual([
    'Deployment',
    'Deployment',
    'NetworkPolicy',
    'NetworkPolicy',
    'PersistentVolumeClaim',
    'PodDisruptionBudget',
    'Service',
    'Service',
  ]);
});

test('systemd: what is started is what the image starts, and each credential that is named is loaded', () => {
  for (const [unit, app] of [
    ['scrim-control-plane', 'control-plane'],
    ['scrim-edge', 'edge'],
  ]) {
    const text = read(`deploy/systemd/${unit}.service`);
    expect(text).toMatch(
      new RegExp(`ExecStart=/usr/bin/node (--[a-z0-9=-]+ )?/opt/scrim/apps/${app}/dist/main.js\n`),
    );
    const loaded = [...text.matchAll(/^LoadCredential=([\w-]+):/gm)].map((it) => it[1]);
    const used = [...text.matchAll(/=%d\/([\w-]+)$/gm)].map((it) => it[1]);
    expect(used.sort()).toEqual(loaded.sort());
    for (const option of [
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'CapabilityBoundingSet=',
      'LimitCORE=0',
    ]) {
      expect(text.split('\n')).toContain(option);
    }
  }
});
