import { chmodSync, chownSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The system account a store runs under, as numbers. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** `nobody`/`nogroup` on every Linux: PostgreSQL refuses to run as root, and Redis has no need to. */
const NOBODY: Account = { uid: 65534, gid: 65534 };

/** The account stores are switched to, or undefined when this process is not root and they run as itself. */
export function storeAccount(): Account | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined;
}

function bitsFor(account: Account, mode: number, uid: number, gid: number): number {
  if (uid === account.uid) return (mode >> 6) & 7;
  if (gid === account.gid) return (mode >> 3) & 7;
  return mode & 7;
}

/**
 * Whether `account` can walk every folder down to `path` and use `path` itself: read it, or with `enter` merely walk
 * through it. Looks at plain mode bits only; an ACL that forbids more shows up later as the program's own error.
 */
export function canReach(account: Account, path: string, use: 'read' | 'enter' = 'read'): boolean {
  const absolute = resolve(path);
  const target = statSync(absolute);
  const readable = target.isDirectory() ? 5 : 4;
  const wanted = use === 'enter' ? 1 : readable;
  if ((bitsFor(account, target.mode, target.uid, target.gid) & wanted) !== wanted) return false;
  for (let folder = dirname(absolute); ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    if ((bitsFor(account, mode, uid, gid) & 1) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** Makes `path` private to `account` (or to this process when there is none). */
export function giveTo(account: Account | undefined, path: string): void {
  chmodSync(path, statSync(path).isDirectory() ? 0o700 : 0o600);
  if (account) chownSync(path, account.uid, account.gid);
}
