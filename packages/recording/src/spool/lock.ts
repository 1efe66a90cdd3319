import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** When the process began, so that a reused process id is not taken for the owner; empty where /proc is missing. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(owner: string): boolean {
  const [pidText = '', start = ''] = owner.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return startOf(pid) === start;
}

const held = new Set<string>();

/**
 * Keeps a second process off a spool: two writers would tear its chains apart. Works within one machine.
 * Returns the release; throws when a living process owns the directory.
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock');
  const mine = `${process.pid} ${startOf(process.pid)}`;
  let owner = '';
  try {
    owner = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (held.has(file) || isAlive(owner))
    throw new Error(
      `the spool ${folder} is in use by process ${owner.split(' ')[0]}: stop it or choose another folder`,
    );
  const draft = `${file}.${process.pid}`;
  const fd = openSync(draft, 'w', 0o600);
  writeSync(fd, mine);
  closeSync(fd);
  renameSync(draft, file);
  held.add(file);
  return () => {
    held.delete(file);
    rmSync(file, { force: true });
  };
}
