import { join } from 'node:path';
import { readPrivate, writePrivate } from '../control/private-file.ts';

/** How host keys are made, and what of them is public. */
export interface HostKeys {
  generate(): string;
  publicKey(privateKey: string): string;
}

/**
 * The edge's own host key, made on its first start and kept beside its other keys: callers pin it, so it must not change
 * by itself. The public half stands beside it in `.pub`.
 */
export async function hostKeyOf(dataDir: string, name: string, keys: HostKeys): Promise<string> {
  const file = join(dataDir, name);
  const kept = await readPrivate(file);
  const key = kept?.toString('utf8') ?? keys.generate();
  if (!kept) await writePrivate(file, key);
  await writePrivate(`${file}.pub`, `${keys.publicKey(key)}\n`);
  return key;
}
