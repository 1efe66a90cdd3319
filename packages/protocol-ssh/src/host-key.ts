import ssh2 from 'ssh2';

const { generateKeyPairSync, parseKey } = ssh2.utils;

/** A new Ed25519 host key, in OpenSSH's form. */
export function generateHostKey(): string {
  return generateKeyPairSync('ed25519').private;
}

/** The public half, as it stands in a known_hosts line behind the host. Throws an Error for what is no private key. */
export function publicHostKey(privateKey: string): string {
  const parsed = parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  const [key] = Array.isArray(parsed) ? parsed : [parsed];
  if (!key?.isPrivateKey()) throw new Error('the host key is no private key');
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

/** The line a client's known_hosts file needs for an edge at this address. */
export function knownHostsLine(host: string, port: number, publicKey: string): string {
  return `${port === 22 ? host : `[${host}]:${port}`} ${publicKey}`;
}
