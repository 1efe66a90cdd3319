import { create, toBinary } from '@bufbuild/protobuf';
import { refuse, type Snapshot } from '@scrim/model';
import type { PolicyVault, Vault } from '@scrim/pipeline';
import { SealedTokenSchema } from '@scrim/rpc';
import { MAX_TOKEN, MAX_VALUE, ValueDigest, VaultSealer } from '@scrim/vault';
import { type Journal, JournalFull } from './journal.ts';
import { RecentKeys } from './recent.ts';

export interface EdgeVaultOptions {
  readonly journal: Pick<Journal, 'append'>;
  /** Told of each pair that was written down. */
  readonly kept: () => void;
  /** Told why one could not be; never a value. */
  readonly problem: (error: unknown) => void;
  /** How many pairs it remembers having reported. */
  readonly remembered?: number;
}

/** About 6 MB: a key is 16 bytes of digest, the policy's name and the token. */
const REMEMBERED = 32_768;
/** Values sealed with one ephemeral key: what stays readable in this process's memory is bounded. */
const SEALS = 4_096;

interface Sealing {
  readonly id: string;
  readonly keyId: string;
  readonly publicKey: Uint8Array;
  readonly digest: ValueDigest;
  sealer: VaultSealer;
}

/**
 * Takes in what reversible tokens stand for: sealed to the vault's public key, on disk before the token is handed out,
 * each pair once. This edge cannot read what it has written.
 */
export class EdgeVault implements Vault {
  readonly #options: EdgeVaultOptions;
  readonly #recent: RecentKeys;
  #sealing: Sealing | undefined;

  constructor(options: EdgeVaultOptions) {
    this.#options = options;
    this.#recent = new RecentKeys(options.remembered ?? REMEMBERED);
  }

  /**
   * Goes on with the snapshot's keys.
   * @throws VaultError when the vault key is none: the snapshot must be refused
   */
  follow({ vault, maskingKey }: Pick<Snapshot, 'vault' | 'maskingKey'>): void {
    const id = vault && `${vault.keyId} ${vault.publicKey} ${maskingKey}`;
    if (id === this.#sealing?.id) return;
    if (vault === undefined || id === undefined) {
      this.#sealing = undefined;
      return;
    }
    const publicKey = Buffer.from(vault.publicKey, 'base64');
    const sealer = new VaultSealer(publicKey);
    const digest = new ValueDigest(Buffer.from(maskingKey, 'base64'));
    this.#sealing = { id, keyId: vault.keyId, publicKey, digest, sealer };
  }

  of(policy: string): PolicyVault | undefined {
    if (this.#sealing === undefined) return undefined;
    return { put: (token, value) => this.#put(policy, token, value) };
  }

  #put(policy: string, token: string, value: string): void {
    const sealing = this.#sealing;
    if (sealing === undefined)
      throw refuse('SCRIM_TOKEN_UNKEPT', { message: 'there is no token vault any more' });
    const digest = sealing.digest.of(value);
    const key = `${digest.toString('latin1')}${policy} ${token}`;
    if (this.#recent.has(key)) return;
    if (Buffer.byteLength(value) > MAX_VALUE || token.length > MAX_TOKEN) {
      throw refuse('SCRIM_TOKEN_UNKEPT', {
        message: 'a value of more than 64 KiB cannot be kept for a reversible token',
        hint: 'leave the column out of the query, or ask for a rule without reversible',
      });
    }
    if (sealing.sealer.count >= SEALS) sealing.sealer = new VaultSealer(sealing.publicKey);
    const sealed = sealing.sealer.seal(value, token);
    this.#keep({ token, digest, sealed, keyId: sealing.keyId, policy });
    this.#recent.add(key);
  }

  #keep(fields: {
    readonly token: string;
    readonly digest: Uint8Array<ArrayBuffer>;
    readonly sealed: Uint8Array<ArrayBuffer>;
    readonly keyId: string;
    readonly policy: string;
  }): void {
    try {
      this.#options.journal.append(toBinary(SealedTokenSchema, create(SealedTokenSchema, fields)));
    } catch (cause) {
      this.#options.problem(cause);
      const full = cause instanceof JournalFull;
      throw refuse('SCRIM_TOKEN_UNKEPT', {
        hint: full
          ? 'try again when the control plane is back'
          : "ask an administrator to look at the edge's disk",
        cause,
      });
    }
    this.#options.kept();
  }
}
