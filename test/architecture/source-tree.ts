import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Room } from './layers.ts';
import type { SourceFile } from './rules.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Not written by hand, or not ours. */
const LEFT_OUT = ['node_modules', 'dist', 'generated', 'gen', 'coverage', '.git', '.cache', '.scrim'];

interface Manifest {
  readonly name: string;
  readonly exports?: Record<string, unknown>;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

function roomAt(folder: string): Room {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
  const all = Object.keys({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  });
  return {
    name: manifest.name,
    house: folder.split('/')[0] ?? '',
    declared: all.filter((name) => name.startsWith('@scrim/')),
    libraries: all.filter((name) => !name.startsWith('@scrim/')),
    doors: Object.keys(manifest.exports ?? {}).filter((door) => door !== '.'),
  };
}

function roomFolders(): string[] {
  const houses = ['apps', 'packages'].flatMap((house) =>
    readdirSync(join(root, house)).map((name) => `${house}/${name}`),
  );
  return [...houses, 'test'].filter((folder) => existsSync(join(root, folder, 'package.json')));
}

function filesUnder(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (LEFT_OUT.includes(entry.name)) return [];
    if (entry.isDirectory()) return filesUnder(path, pattern);
    return pattern.test(entry.name) ? [path] : [];
  });
}

/** All packages of the workspace, by folder. */
export const rooms: ReadonlyMap<string, Room> = new Map(
  roomFolders().map((folder) => [folder, roomAt(folder)]),
);

/** Every TypeScript file of the workspace that people write. */
export const sources: readonly SourceFile[] = [...rooms].flatMap(([folder, room]) =>
  filesUnder(folder, /\.ts$/).map((path) => ({ path, room, text: readFileSync(join(root, path), 'utf8') })),
);

/** Scripts outside of any package. */
export const scripts: readonly SourceFile[] = ['scripts', '.ci', 'test']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => filesUnder(folder, /\.(mjs|sh)$|^run$|^bare-machine$/))
  .map((path) => ({ path, room: undefined, text: readFileSync(join(root, path), 'utf8') }));

/** Short names of the protocols there are: `postgres` for packages/protocol-postgres. */
export const protocols: readonly string[] = [...rooms.keys()].flatMap((folder) => {
  const name = /^packages\/protocol-(.+)$/.exec(folder)?.[1];
  return name && name !== 'kit' ? [name] : [];
});
