import { readFile } from 'node:fs/promises';
import { type Connection, refuse, Secret, type SecretSource } from '@scrim/model';
import { readVaultSecret } from './vault.ts';

const MAX_SECRET_FILE = 64 * 1024;

function missing(connection: string, field: string, cause: string): never {
  throw refuse('SCRIM_TARGET_CREDENTIAL', {
    message: `the credential of connection "${connection}" cannot be read at the edge`,
    hint: "ask an administrator to look at the edge's log",
    cause: `${connection}.${field}: ${cause}`,
  });
}

async function resolveSource(connection: string, field: string, source: SecretSource): Promise<Secret> {
  if ('value' in source) return new Secret(source.value);
  if ('env' in source) {
    const value = process.env[source.env];
    if (!value) missing(connection, field, `environment variable ${source.env} is not set`);
    return new Secret(value);
  }
  if ('file' in source) {
    const text = await readFile(source.file, 'utf8').catch((error: NodeJS.ErrnoException) =>
      missing(connection, field, `file ${source.file}: ${error.code}`),
    );
    if (text.length > MAX_SECRET_FILE) missing(connection, field, `file ${source.file} is too large`);
    // An editor's final newline is not part of a password; a private key needs its own.
    return new Secret(field === 'privateKey' ? text : text.replace(/\r?\n$/, ''));
  }
  const { VAULT_ADDR: address, VAULT_TOKEN: token } = process.env;
  if (!address || !token) missing(connection, field, 'VAULT_ADDR and VAULT_TOKEN are not set');
  const value = await readVaultSecret({ address, token }, source.vault).catch((error: Error) =>
    missing(connection, field, error.message),
  );
  return new Secret(value);
}

/**
 * The secrets of a connection's credential, by field. References are read anew for every session, so a rotated
 * password needs no restart. Throws SCRIM_TARGET_CREDENTIAL; where the secret should have come from goes to the log
 * alone.
 */
export async function resolveSecrets(connection: Connection): Promise<Readonly<Record<string, Secret>>> {
  const { credential } = connection;
  if (!credential) return {};
  const secrets: Record<string, Secret> = {};
  for (const [field, source] of Object.entries(credential)) {
    if (source === undefined || typeof source === 'string') continue;
    secrets[field] = await resolveSource(connection.name, field, source);
  }
  return secrets;
}
