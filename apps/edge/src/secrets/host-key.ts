import { join } from 'node:path';
import { generateHostKey, publicHostKey } from '@scrim/protocol-ssh';
import { readPrivate, writePrivate } from '../control/private-file.ts';

/** Beside the edge's other keys; the public half stands in the same name with `.pub`. */
const FILE = 'ssh_host_ed25519_key';

/** The edge's SSH host key, made on its first start: callers pin it, so it must not change by itself. */
export async function hostKeyOf(dataDir: string): Promise<string> {
  const file = join(dataDir, FILE);
  const kept = await readPrivate(file);
  const key = kept?.toString('utf8') ?? generateHostKey();
  if (!kept) await writePrivate(file, key);
  await writePrivate(`${file}.pub`, `${publicHostKey(key)}\n`);
  return key;
}
