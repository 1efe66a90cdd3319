import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { canReach, giveTo, storeAccount } from './account.ts';
import { isAlive, markOf, type ProcessMark } from './process-table.ts';

interface OwnerNote {
  readonly claim: string;
  readonly owner: ProcessMark;
  readonly store?: ProcessMark;
}

/** Where one store keeps its data, held by this process until released. */
export interface StoreFolder {
  /** The folder the server calls its own; its parent exists, it may not yet. */
  readonly data: string;
  /** Names the server process, so that a restart after its death knows the claim is void. */
  holds(pid: number): void;
  /** Gives the folder up. Does nothing when another claim has taken its place. */
  release(): void;
}

/** Root only: where data goes when the account that the store runs under cannot walk to the folder asked for. */
const SYSTEM_DATA = '/var/lib/scrim/stores';

/** The same for data folders in the temporary folder, which come and go without a word. */
const SYSTEM_TEMPORARY = '/var/lib/scrim/temporary';

function readNote(path: string): OwnerNote | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as OwnerNote;
  } catch {
    // Missing, or cut short by a kill while it was written: nobody holds the folder.
    return undefined;
  }
}

function isHeld(note: OwnerNote): boolean {
  if (!isAlive(note.owner)) return false;
  // This process may start again what it lost; another living owner may be about to do the same itself.
  const own = note.owner.pid === process.pid;
  return !(own && note.store && !isAlive(note.store));
}

function busy(dataDir: string, note: OwnerNote): Error {
  return new Error(
    `the data folder ${dataDir} is in use by process ${note.owner.pid}. ` +
      'Stop that one first, or choose another data folder.',
  );
}

/**
 * Removes a dead owner's note. The rename decides between two starters that both saw it dead: only what was seen may
 * be thrown away, a fresh note renamed by mistake is put back.
 */
function discardDead(path: string, dead: OwnerNote | undefined, claim: string): void {
  const aside = `${path}.${claim}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const taken = readNote(aside);
  if (taken && taken.claim !== dead?.claim && !existsSync(path)) linkSync(aside, path);
  unlinkSync(aside);
}

function writeClaim(path: string, dataDir: string, note: OwnerNote): void {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      writeFileSync(path, JSON.stringify(note), { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const other = readNote(path);
    if (other && isHeld(other)) throw busy(dataDir, other);
    discardDead(path, other, note.claim);
  }
  throw new Error(
    `the data folder ${dataDir} is being started by another process. Wait for it and try again.`,
  );
}

/** The folder that holds `data`: the one asked for, or the one a former start moved to, or a new system one. */
function locate(dataDir: string): string {
  const account = storeAccount();
  const pointer = join(dataDir, 'location');
  if (existsSync(pointer)) return readFileSync(pointer, 'utf8').trim();
  if (!account || existsSync(join(dataDir, 'data')) || canReach(account, dataDir, 'enter')) return dataDir;
  return moveAway(dataDir, pointer);
}

function isTemporary(dataDir: string): boolean {
  return `${dataDir}/`.startsWith(`${resolve(tmpdir())}/`);
}

/** Removes moved data whose temporary folder was deleted, as tests do: nobody can find the way to it any more. */
function sweepTemporary(): void {
  for (const name of existsSync(SYSTEM_TEMPORARY) ? readdirSync(SYSTEM_TEMPORARY) : []) {
    const moved = join(SYSTEM_TEMPORARY, name);
    const origin = join(moved, 'moved-from');
    const dead = existsSync(origin) && !existsSync(readFileSync(origin, 'utf8').trim());
    if (dead) rmSync(moved, { recursive: true, force: true });
  }
}

function moveAway(dataDir: string, pointer: string): string {
  sweepTemporary();
  const base = isTemporary(dataDir) ? SYSTEM_TEMPORARY : SYSTEM_DATA;
  // A random name, not one made from dataDir: a folder deleted and made again must start empty.
  const moved = join(base, randomBytes(8).toString('hex'));
  mkdirSync(moved, { recursive: true });
  // Said again by chmod: a strict umask would have closed them to the account they are for.
  for (const each of [dirname(base), base, moved]) chmodSync(each, 0o711);
  writeFileSync(join(moved, 'moved-from'), `${dataDir}\n`);
  writeFileSync(pointer, `${moved}\n`);
  return moved;
}

/**
 * Claims `dataDir` for one store, making it when missing.
 *
 * As root the server runs as `nobody`. When `nobody` cannot walk to `dataDir` (it lies under root's home, say) the data
 * is kept in `/var/lib/scrim/stores/<random>` (`temporary` for folders in the temporary folder) and the file `location` in `dataDir` says so.
 *
 * @throws Error naming the other process when a living one holds the folder.
 */
export function claimStoreFolder(dataDir: string): StoreFolder {
  const asked = resolve(dataDir);
  if (mkdirSync(asked, { recursive: true })) chmodSync(asked, 0o711);
  const notePath = join(asked, 'owner.json');
  const note: OwnerNote = { claim: randomBytes(8).toString('hex'), owner: markOf(process.pid) };
  writeClaim(notePath, asked, note);
  const isMine = () => readNote(notePath)?.claim === note.claim;
  try {
    return {
      data: join(locate(asked), 'data'),
      holds(pid) {
        const next = `${notePath}.next`;
        writeFileSync(next, JSON.stringify({ ...note, store: markOf(pid) }), { mode: 0o600 });
        renameSync(next, notePath);
      },
      release() {
        if (isMine()) rmSync(notePath, { force: true });
      },
    };
  } catch (error) {
    rmSync(notePath, { force: true });
    throw error;
  }
}

/** Makes `path` as an empty folder of the store's account, removing what an interrupted try left there. */
export function freshFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  giveTo(storeAccount(), path);
}
