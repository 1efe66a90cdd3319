import { chmodSync, lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, canReach } from './account.ts';

function candidates(env: NodeJS.ProcessEnv): string[] {
  const uid = process.getuid?.() ?? 0;
  const own = env.SCRIM_CACHE_DIR ? [env.SCRIM_CACHE_DIR] : [];
  // Root's home is closed to the account the stores run under, so root uses the system's cache folder.
  const system = uid === 0 && process.platform !== 'win32' ? ['/var/cache/scrim'] : [];
  const user = env.XDG_CACHE_HOME ?? join(env.HOME || homedir(), '.cache');
  return [...own, ...system, join(user, 'scrim'), join(tmpdir(), `scrim-cache-${uid}`)];
}

/** True when `path` is a real folder that nobody but this user can have filled: programs are run from it. */
function isOurs(path: string): boolean {
  const found = lstatSync(path);
  const uid = process.getuid?.();
  return found.isDirectory() && (uid === undefined || found.uid === uid) && (found.mode & 0o022) === 0;
}

/**
 * The folder programs are unpacked into and kept between runs: `$SCRIM_CACHE_DIR`, else `/var/cache/scrim` (root),
 * else `$XDG_CACHE_HOME/scrim` or `~/.cache/scrim`, else one in the temporary folder.
 *
 * A folder another user owns or may write to is passed over, because what lies there is executed. With `reader`,
 * folders that account cannot reach are passed over as well. If none is left, a fresh temporary one is made.
 */
export function cacheFolder(reader?: Account, env: NodeJS.ProcessEnv = process.env): string {
  for (const path of candidates(env)) {
    try {
      mkdirSync(path, { recursive: true, mode: 0o755 });
      if (isOurs(path) && (!reader || canReach(reader, path))) return path;
    } catch {
      // Not writable or not a folder: the next candidate.
    }
  }
  const fresh = mkdtempSync(join(tmpdir(), 'scrim-cache-'));
  chmodSync(fresh, 0o755);
  return fresh;
}
