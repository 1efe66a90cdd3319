// Regenerates src/generated/prisma from schema.prisma and prints the SQL of the change.
//
//   node prisma/generate.mjs [old-schema.prisma]      (from `git show HEAD:.../schema.prisma > old-schema.prisma`)
//
// The generator weighs 331 MB with its peers and nothing needs it at run time, so it is no dependency: it is
// installed into a scratch folder (SCRIM_PRISMA_SCRATCH keeps one between runs).
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const PRISMA = '7.10.0';
const ENGINE = '7.10.0-4.0edf323efd1d98336f3f0a68684b56f689b900d3';
const HERE = import.meta.dirname;
const OUTPUT = resolve(HERE, '../src/generated/prisma');

const scratch = process.env.SCRIM_PRISMA_SCRATCH ?? mkdtempSync(join(tmpdir(), 'scrim-prisma-'));
mkdirSync(scratch, { recursive: true });

/** The engine is looked for but never run by `generate`, so any executable will do and nothing is downloaded. */
const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };

function install() {
  if (existsSync(join(scratch, 'node_modules/prisma'))) return;
  writeFileSync(join(scratch, 'package.json'), '{"private":true,"type":"module"}');
  const packages = [`prisma@${PRISMA}`, `@prisma/schema-engine-wasm@${ENGINE}`];
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], {
    cwd: scratch,
    stdio: 'inherit',
  });
}

function generate(schema) {
  const moved = schema.replace('"../src/generated/prisma"', '"./out"');
  writeFileSync(join(scratch, 'schema.prisma'), moved);
  writeFileSync(
    join(scratch, 'prisma.config.ts'),
    `import { defineConfig } from 'prisma/config';
export default defineConfig({ schema: './schema.prisma', datasource: { url: 'postgresql://x@127.0.0.1/x' } });`,
  );
  rmSync(join(scratch, 'out'), { recursive: true, force: true });
  for (const command of ['format', 'generate'])
    execFileSync(join(scratch, 'node_modules/.bin/prisma'), [command], { cwd: scratch, env, stdio: 'pipe' });
  rmSync(OUTPUT, { recursive: true, force: true });
  cpSync(join(scratch, 'out'), OUTPUT, { recursive: true });
  return readFileSync(join(scratch, 'schema.prisma'), 'utf8').replace('"./out"', '"../src/generated/prisma"');
}

/** The schema engine wants a database connection even for a diff of two texts: this one answers nothing. */
function deafAdapter() {
  const ok = (value) => ({ ok: true, value });
  const adapter = {
    provider: 'postgres',
    adapterName: 'none',
    errorRegistry: { consumeError() {} },
    executeScript: async () => ok(undefined),
    queryRaw: async () => ok({ columnNames: [], columnTypes: [], rows: [] }),
    executeRaw: async () => ok(0),
    dispose: async () => ok(undefined),
    getConnectionInfo: () => ok({ schemaName: 'public', supportsRelationJoins: true }),
  };
  return { ...adapter, connect: async () => ({ ...ok(adapter), ...adapter }) };
}

async function diff(before, after) {
  const folder = join(scratch, 'node_modules/@prisma/schema-engine-wasm');
  const engine = await import(pathToFileURL(join(folder, 'schema_engine_bg.js')).href);
  const module = new WebAssembly.Module(readFileSync(join(folder, 'schema_engine_bg.wasm')));
  const { exports } = new WebAssembly.Instance(module, { './schema_engine_bg.js': engine });
  engine.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
  const datamodel = (content) => ({ tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] });
  const instance = await engine.SchemaEngine.new({ datamodels: undefined }, () => {}, deafAdapter());
  const result = await instance.diff({
    from: before === undefined ? { tag: 'empty' } : datamodel(before),
    to: datamodel(after),
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  });
  return result.stdout;
}

install();
const schema = generate(readFileSync(join(HERE, 'schema.prisma'), 'utf8'));
writeFileSync(join(HERE, 'schema.prisma'), schema);
const old = process.argv[2];
process.stdout.write(await diff(old === undefined ? undefined : readFileSync(old, 'utf8'), schema));
if (process.env.SCRIM_PRISMA_SCRATCH === undefined) rmSync(scratch, { recursive: true, force: true });
