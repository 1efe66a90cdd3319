import { posix } from 'node:path';
import { SftpStatus, type SftpTarget } from './target.ts';

/** What a request names, as the target resolves it. */
export interface ResolvedPath {
  readonly path: string;
  /** False = it could not be resolved: no rule can say which file it is. */
  readonly sure: boolean;
}

const UNSURE: ResolvedPath = { path: '', sure: false };

/** Names that are no UTF-8 mean different files to the target and to our rules. */
function textOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return text.includes('\0') || !Buffer.from(text).equals(bytes) ? undefined : text;
}

/** The path of what stands there, links followed to the end; one that does not exist yet, by its folder. */
export async function followed(target: SftpTarget, given: Buffer): Promise<ResolvedPath> {
  if (textOf(given) === undefined) return UNSURE;
  try {
    const path = textOf(await target.realpath(given));
    return path === undefined ? UNSURE : { path, sure: true };
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    return await placed(target, given);
  }
}

/** The path of the name itself: its folder resolved, the last part as it is, so that a link is the link. */
export async function placed(target: SftpTarget, given: Buffer): Promise<ResolvedPath> {
  const text = textOf(given);
  if (text === undefined) return UNSURE;
  const trimmed = text.replace(/\/+$/, '') || '/';
  const base = posix.basename(trimmed);
  // Such a name is no place of its own: only the target knows what it means.
  if (base === '' || base === '.' || base === '..') return await onlyResolved(target, given);
  try {
    const folder = textOf(await target.realpath(Buffer.from(posix.dirname(trimmed))));
    return folder === undefined ? UNSURE : { path: posix.join(folder, base), sure: true };
  } catch (error) {
    if (error instanceof SftpStatus) return UNSURE;
    throw error;
  }
}

async function onlyResolved(target: SftpTarget, given: Buffer): Promise<ResolvedPath> {
  try {
    const path = textOf(await target.realpath(given));
    return path === undefined ? UNSURE : { path, sure: true };
  } catch (error) {
    if (error instanceof SftpStatus) return UNSURE;
    throw error;
  }
}
