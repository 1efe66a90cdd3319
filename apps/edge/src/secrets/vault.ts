/** Where HashiCorp Vault is and how this edge proves itself; from VAULT_ADDR and VAULT_TOKEN. */
export interface VaultSettings {
  readonly address: string;
  readonly token: string;
}

const TIMEOUT_MS = 5_000;

/**
 * Reads one field of a KV version 2 secret named `mount/data/path#field`
 * (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version).
 * Throws an Error that names path and problem, never a value.
 */
export async function readVaultSecret(settings: VaultSettings, reference: string): Promise<string> {
  const [path, field] = reference.split('#');
  if (!path || !field) throw new Error(`vault reference "${reference}" must be PATH#FIELD`);
  const response = await fetch(new URL(`/v1/${path}`, settings.address), {
    headers: { 'x-vault-token': settings.token, 'x-vault-request': 'true' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`vault answered ${response.status} for "${path}"`);
  const body = (await response.json()) as { data?: { data?: Record<string, unknown> } };
  const value = body.data?.data?.[field];
  if (typeof value !== 'string' || value === '') throw new Error(`vault has no text "${field}" at "${path}"`);
  return value;
}
