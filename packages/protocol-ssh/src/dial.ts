import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { RefusalError, refuse, type Secret } from '@scrim/model';
import { Client, type ConnectConfig, type ServerHostKeyAlgorithm } from 'ssh2';
import { ALGORITHMS } from './accept.ts';

/** Where a target is, how it proves itself, and as whom the edge logs in. */
export interface TargetAddress {
  readonly host: string;
  readonly port: number;
  /** `ssh-ed25519 AAAA…`, as in a known_hosts line without the host, or `SHA256:…`. */
  readonly hostKey: string;
}

export interface Login {
  readonly username: string;
  readonly password?: Secret | undefined;
  readonly privateKey?: Secret | undefined;
  readonly passphrase?: Secret | undefined;
}

interface PinnedKey {
  readonly algorithms: ServerHostKeyAlgorithm[] | undefined;
  matches(key: Buffer): boolean;
}

/** Names a key type is negotiated by; RSA keys sign with SHA-2 only (RFC 8332). */
const ALGORITHMS_OF: Readonly<Record<string, ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-256', 'rsa-sha2-512'],
};
const ANY: ServerHostKeyAlgorithm[] = Object.values(ALGORITHMS_OF).flat();

/** Throws SCRIM_TARGET_TLS when the registered key cannot be read. */
function pinned(hostKey: string): PinnedKey {
  const text = hostKey.trim();
  if (text.startsWith('SHA256:')) {
    const wanted = text.slice(7).replace(/=+$/, '');
    return {
      algorithms: ANY,
      matches: (key) => createHash('sha256').update(key).digest('base64').replace(/=+$/, '') === wanted,
    };
  }
  const [type = '', encoded = ''] = text.split(/\s+/);
  const algorithms = ALGORITHMS_OF[type];
  const blob = Buffer.from(encoded, 'base64');
  if (!algorithms || blob.length === 0) {
    throw refuse('SCRIM_TARGET_TLS', {
      message: "the connection's target.hostKey cannot be read",
      hint: 'ask an administrator to register the line `ssh-keyscan` prints, without the host name',
    });
  }
  // Asking for the pinned type alone: a server with several keys would else show another one.
  return { algorithms, matches: (key) => key.equals(blob) };
}

function credentials(login: Login): Partial<ConnectConfig> {
  const password = login.password?.reveal();
  const privateKey = login.privateKey?.reveal();
  const passphrase = login.passphrase?.reveal();
  const { username } = login;
  return {
    username,
    ...(password === undefined ? {} : { password, tryKeyboard: true }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

function opened(address: TargetAddress): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** What the failure was, without a word of what the target said. */
function refusalFor(error: unknown, mismatch: boolean, late: boolean): RefusalError {
  if (error instanceof RefusalError) return error;
  if (mismatch) {
    return refuse('SCRIM_TARGET_TLS', {
      message: "the target's host key is not the one registered for the connection",
      hint: 'this could be an attack; ask an administrator to compare the keys',
      cause: error,
    });
  }
  if (late)
    return refuse('SCRIM_TARGET_UNREACHABLE', { message: 'the target did not answer in time', cause: error });
  const { level } = error as { level?: string };
  if (level === 'client-authentication') return refuse('SCRIM_TARGET_CREDENTIAL', { cause: error });
  if (/privateKey|passphrase/i.test(String(error))) {
    return refuse('SCRIM_TARGET_CREDENTIAL', {
      message: "the connection's private key cannot be used",
      cause: error,
    });
  }
  return refuse('SCRIM_TARGET_UNREACHABLE', { cause: error });
}

/**
 * Connects, makes sure of the host key and logs in, within `timeout` ms. Throws a RefusalError that names what failed
 * and nothing of the target: its address, its words and the credential stay in `cause`.
 */
export async function dial(address: TargetAddress, login: Login, timeout: number): Promise<Client> {
  const client = new Client();
  let mismatch = false;
  let late = false;
  let socket: Socket | undefined;
  const timer = setTimeout(() => {
    late = true;
    client.destroy();
    socket?.destroy();
  }, timeout);
  try {
    const key = pinned(address.hostKey);
    socket = await Promise.race([opened(address), expired(timeout)]);
    const answered = ready(client);
    client.connect({
      sock: socket,
      ...credentials(login),
      algorithms: { ...ALGORITHMS, ...(key.algorithms ? { serverHostKey: key.algorithms } : {}) },
      hostVerifier: (shown: Buffer) => {
        mismatch = !key.matches(shown);
        return !mismatch;
      },
      readyTimeout: 0,
      keepaliveInterval: 30_000,
      keepaliveCountMax: 4,
    });
    client.on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) =>
      finish(prompts.map(() => login.password?.reveal() ?? '')),
    );
    await answered;
    return client;
  } catch (error) {
    client.destroy();
    socket?.destroy();
    throw refusalFor(error, mismatch, late);
  } finally {
    clearTimeout(timer);
  }
}

/** A connect that hangs has no socket yet that the timer could destroy. */
function expired(timeout: number): Promise<never> {
  return new Promise((_resolve, reject) => {
    setTimeout(
      () => reject(refuse('SCRIM_TARGET_UNREACHABLE', { message: 'the target did not answer in time' })),
      timeout,
    ).unref();
  });
}

function ready(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', resolve);
    client.on('error', reject);
    client.once('close', () => reject(new Error('the target closed the connection')));
  });
}
