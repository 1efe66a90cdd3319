import { timingSafeEqual } from 'node:crypto';
import { type SecretSource, secretSource } from '@scrim/model';
import { type Envelope, open, type Sealed, seal } from '../../crypto/envelope.ts';
import type { Db, Prisma } from '../../database/client.ts';
import { invalid } from '../../http/problem.ts';

/** A connection's `credential` section: plain texts (user name, header) and secret sources (password, key). */
export type CredentialSpec = Readonly<Record<string, string | SecretSource>>;

/** How one field is stored. Only what was given as a value is sealed; references are resolved by the edge. */
type StoredField =
  | { readonly kind: 'plain'; readonly value: string }
  | { readonly kind: 'ref'; readonly source: Exclude<SecretSource, { value: string }> }
  | ({ readonly kind: 'sealed' } & Sealed);

export interface StoredCredential {
  readonly id: string;
  readonly fields: Prisma.JsonValue;
  readonly wrappedKey: Uint8Array<ArrayBuffer> | null;
  readonly keyId: string | null;
}

/** What a sealed value is shown as. Sent back in an update it means "leave this one as it is". */
export const HIDDEN = '[secret]';

/** Credentials: secrets go in, and come out only into an edge's snapshot. */
export interface Credentials {
  /** Columns of a new or changed credential. `before` supplies the values the new spec leaves as they are. */
  seal(id: string, spec: CredentialSpec, before?: StoredCredential): Prisma.CredentialUncheckedCreateInput;
  /** With sealed values opened. For snapshots and comparisons; never for an answer, a log or the audit. */
  reveal(stored: StoredCredential): CredentialSpec;
  /** With sealed values replaced by {@link HIDDEN}. */
  view(stored: StoredCredential): CredentialSpec;
  /** Re-wraps every data key that an older master key wrapped; returns how many. */
  rotate(db: Db): Promise<number>;
}

const owner = (id: string) => `credential/${id}`;

function isValue(source: string | SecretSource): source is { value: string } {
  return typeof source === 'object' && 'value' in source;
}

function fieldsOf(stored: StoredCredential): readonly (readonly [string, StoredField])[] {
  return Object.entries(stored.fields as unknown as Record<string, StoredField>);
}

/** True when both say the same; in constant time for what is secret. */
export function sameCredential(a: CredentialSpec | undefined, b: CredentialSpec | undefined): boolean {
  const text = (spec: CredentialSpec | undefined) =>
    Buffer.from(JSON.stringify(Object.entries(spec ?? {}).sort(([x], [y]) => (x < y ? -1 : 1))));
  const [one, other] = [text(a), text(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

export function createCredentials(envelope: Envelope): Credentials {
  const reveal = (stored: StoredCredential): CredentialSpec => {
    let dataKey: Uint8Array | undefined;
    const openField = (name: string, field: Sealed): string => {
      if (stored.wrappedKey === null || stored.keyId === null)
        throw new Error('a sealed credential lost its key');
      dataKey ??= envelope.unwrap({ wrappedKey: stored.wrappedKey, keyId: stored.keyId }, owner(stored.id));
      return open(dataKey, field, owner(stored.id), name).toString('utf8');
    };
    return Object.fromEntries(
      fieldsOf(stored).map(([name, field]) => {
        if (field.kind === 'plain') return [name, field.value];
        return [name, field.kind === 'ref' ? field.source : { value: openField(name, field) }];
      }),
    );
  };

  /** An update that sends {@link HIDDEN} back would otherwise store the mask over the secret. */
  const keep = (
    name: string,
    source: { value: string },
    before: CredentialSpec | undefined,
  ): { value: string } => {
    if (source.value !== HIDDEN) return source;
    const kept = before?.[name];
    if (kept !== undefined && isValue(kept)) return kept;
    const mend = 'write the secret itself, or a reference such as { env: NAME }';
    throw invalid(
      `credential.${name}`,
      `"${HIDDEN}" is what a stored secret is shown as, and none is stored`,
      mend,
    );
  };

  return {
    seal(id, spec, before) {
      const known = before && reveal(before);
      let key: ReturnType<Envelope['newDataKey']> | undefined;
      const fields: Record<string, StoredField> = {};
      for (const [name, source] of Object.entries(spec)) {
        if (typeof source === 'string') fields[name] = { kind: 'plain', value: source };
        else if (!isValue(source)) fields[name] = { kind: 'ref', source };
        else {
          key ??= envelope.newDataKey(owner(id));
          const { value } = keep(name, source, known);
          fields[name] = { kind: 'sealed', ...seal(key.dataKey, value, owner(id), name) };
        }
      }
      const json = fields as unknown as Prisma.InputJsonObject;
      return { id, fields: json, wrappedKey: key?.wrappedKey ?? null, keyId: key?.keyId ?? null };
    },
    reveal,
    view: (stored) =>
      Object.fromEntries(
        fieldsOf(stored).map(([name, field]) => {
          if (field.kind === 'plain') return [name, field.value];
          return [name, field.kind === 'ref' ? secretSource.parse(field.source) : { value: HIDDEN }];
        }),
      ),
    async rotate(db) {
      let count = 0;
      const stale = { keyId: { not: envelope.keyId }, wrappedKey: { not: null } };
      for (const row of await db.credential.findMany({ where: stale })) {
        if (row.wrappedKey === null || row.keyId === null) continue;
        const wrapped = envelope.rewrap({ wrappedKey: row.wrappedKey, keyId: row.keyId }, owner(row.id));
        if (!wrapped) continue;
        await db.credential.update({ where: { id: row.id }, data: wrapped });
        count += 1;
      }
      return count;
    },
  };
}
