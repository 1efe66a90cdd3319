import { canonicalText, findTokens } from '@scrim/masking';
import { type Counter, counter } from '@scrim/telemetry';
import { MAX_SEALED, MAX_TOKEN, openSealed, ValueDigest, VaultError } from '@scrim/vault';
import type { PoolClient } from 'pg';
import type { Actor, Principal } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import { ApiError, invalid, notFound } from '../../http/problem.ts';
import { insertAudit } from '../audit/entry.ts';
import type { Policies } from '../policies/service.ts';
import {
  type DetokeniseInput,
  type DetokeniseView,
  MAX_TOKENS,
  TOKEN_STATES,
  type TokenState,
} from './schema.ts';
import {
  eraseToken,
  eraseValue,
  findValues,
  type KeptValue,
  openedLastHour,
  putTokens,
  type ReportedToken,
  transact,
} from './store.ts';

/** An edge's report that no edge of ours makes. */
export class VaultRefused extends Error {
  override readonly name = 'VaultRefused';
}

interface Answered {
  readonly token: string;
  readonly state: TokenState;
  readonly value?: string;
}

/** What a caller may open, and what it is opened with. */
interface Rights {
  readonly policies: ReadonlySet<string>;
  /** Private vault keys by id. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
}

type Needs = Pick<Context, 'db' | 'keys' | 'bus' | 'config' | 'metrics' | 'newId' | 'log'> & {
  readonly policies: Policies;
};

const MOST_REPORTED = 5_000;
const LEAST_SEALED = 61;
const DIGEST = 16;

function checkReport(reported: readonly ReportedToken[]): void {
  if (reported.length > MOST_REPORTED) throw new VaultRefused(`more than ${MOST_REPORTED} tokens at once`);
  for (const { token, digest, sealed, keyId, policy } of reported) {
    const fits =
      token !== '' &&
      Buffer.byteLength(token) <= MAX_TOKEN &&
      !token.includes('\0') &&
      digest.length === DIGEST &&
      sealed.length >= LEAST_SEALED &&
      sealed.length <= MAX_SEALED &&
      /^[\w-]{1,64}$/.test(keyId) &&
      /^[a-z0-9][a-z0-9_-]{0,62}$/.test(policy);
    if (!fits)
      throw new VaultRefused(
        'a token, its digest, its key, its policy or what is sealed has no form of ours',
      );
  }
}

function wantedTokens(input: DetokeniseInput): readonly string[] {
  if ('tokens' in input) return [...new Set(input.tokens)];
  const found = new Set(findTokens(input.text).map(({ token }) => token));
  if (found.size > MAX_TOKENS)
    throw invalid('text', `holds ${found.size} different tokens`, `send at most ${MAX_TOKENS} at once`);
  return [...found];
}

/** Each found token is replaced where it stands; what could not be opened stays. */
function restore(text: string, answers: readonly Answered[]): string {
  const values = new Map(answers.map(({ token, value }) => [token, value]));
  let restored = '';
  let from = 0;
  for (const { start, end, token } of findTokens(text)) {
    restored += text.slice(from, start) + (values.get(token) ?? token);
    from = end;
  }
  return restored + text.slice(from);
}

function forbidden(detail: string, mend: string): ApiError {
  return new ApiError('SCRIM_API_FORBIDDEN', { detail, mend });
}

/** Why the caller gets nothing at all, if so. */
function refusalOf(who: Principal, rights: ReadonlySet<string>): ApiError | undefined {
  if (who.bound)
    return forbidden(
      'a token that opens connections opens no others',
      'log in, or use an API key or an ID token of your own',
    );
  if (rights.size > 0) return undefined;
  return forbidden(
    `no policy lets ${who.subject} have tokens opened`,
    'ask an administrator to name one of your groups under detokenise in the policy',
  );
}

function judge(
  token: string,
  kept: readonly KeptValue[],
  erased: ReadonlySet<string>,
  rights: ReadonlySet<string>,
): TokenState {
  if (erased.has(token)) return 'erased';
  if (kept.length === 0) return 'unknown';
  if (!kept.some(({ policies }) => policies.some((policy) => rights.has(policy)))) return 'forbidden';
  // Of two values one may be another caller's; nothing says which one this token meant.
  return kept.length > 1 ? 'ambiguous' : 'opened';
}

function byToken(values: readonly KeptValue[]): Map<string, KeptValue[]> {
  const found = new Map<string, KeptValue[]>();
  for (const value of values) {
    const known = found.get(value.token);
    if (known) known.push(value);
    else found.set(value.token, [value]);
  }
  return found;
}

/**
 * Tokens as the audit may name them. Whoever asks can send anything, a value by mistake: what nobody keeps and does not
 * look like a token is counted, not named.
 */
function named(tokens: readonly string[]): { readonly tokens: readonly string[]; readonly others: number } {
  const shaped = tokens.filter((token) => findTokens(token)[0]?.token === token);
  return { tokens: shaped, others: tokens.length - shaped.length };
}

/** What the audit keeps of an answer: every token, no value. */
function entryOf(reason: string, answers: readonly Answered[]) {
  const tokens: Partial<Record<TokenState, readonly string[]>> = {};
  for (const state of TOKEN_STATES) {
    const list = answers.filter((answer) => answer.state === state).map(({ token }) => token);
    if (list.length > 0) tokens[state] = state === 'unknown' ? named(list).tokens : list;
  }
  return { reason, asked: answers.length, count: tokens.opened?.length ?? 0, tokens };
}

/** The control plane's side of the token vault: what edges seal, opened for whom a policy names, and for nobody else. */
export class Vault {
  readonly #needs: Needs;
  readonly #stored: Counter;
  readonly #answered: Counter<'state'>;

  constructor(needs: Needs) {
    const { metrics } = needs;
    this.#needs = needs;
    this.#stored = counter(metrics, 'vault_stored_total', 'values stored for reversible tokens');
    this.#answered = counter(metrics, 'detokenise_tokens_total', 'tokens asked for, by what was answered', [
      'state',
    ]);
  }

  /** Stores what an edge reports; repeating it changes nothing. @throws VaultRefused */
  async put(edgeId: string, reported: readonly ReportedToken[]): Promise<void> {
    checkReport(reported);
    if (reported.length > 0) this.#stored.inc(await putTokens(this.#needs.db.pool, edgeId, reported));
  }

  /**
   * Opens tokens for a caller, and writes down who asked for which and why.
   * @throws ApiError SCRIM_API_FORBIDDEN, SCRIM_API_RATE_LIMITED, SCRIM_API_INVALID
   */
  async detokenise(who: Principal, actor: Actor, input: DetokeniseInput): Promise<DetokeniseView> {
    const tokens = wantedTokens(input);
    // Read before the transaction: one that waits for a second connection could wait for itself.
    const rights = await this.#rightsOf(who);
    const secrets = new Map((await this.#needs.keys.all('vault')).map((key) => [key.keyId, key.secret]));
    const result = await transact(this.#needs.db.pool, async (client) => {
      const answered = await this.#answer(client, who, tokens, { policies: rights, secrets });
      if (answered instanceof ApiError) {
        const after = { reason: input.reason, ...named(tokens), why: answered.details.detail };
        await this.#audit(client, actor, 'vault.refuse', 'vault/tokens', after);
      } else {
        await this.#audit(client, actor, 'vault.detokenise', 'vault/tokens', entryOf(input.reason, answered));
      }
      return answered;
    });
    // Only now, with the entry stored, does anything leave.
    if (result instanceof ApiError) throw result;
    for (const { state } of result) this.#answered.inc({ state });
    return { tokens: result, ...('text' in input && { text: restore(input.text, result) }) };
  }

  /** Forgets a token's value for good. @throws ApiError SCRIM_API_NOT_FOUND */
  erase(actor: Actor, token: string, reason: string): Promise<{ readonly values: number }> {
    return transact(this.#needs.db.pool, async (client) => {
      const erased = await eraseToken(client, token, actor.subject, reason);
      if (erased === undefined) throw notFound('token', token);
      await this.#audit(client, actor, 'vault.erase', `vault/${token}`, { reason, ...erased });
      return erased;
    });
  }

  /** Forgets a value under every token it has, or would get later, and returns those it had. */
  async eraseValue(actor: Actor, value: string, reason: string): Promise<readonly string[]> {
    const { keys, db } = this.#needs;
    const digest = new ValueDigest((await keys.current('masking')).secret).of(canonicalText(value));
    return transact(db.pool, async (client) => {
      const tokens = await eraseValue(client, digest, actor.subject, reason);
      await this.#audit(client, actor, 'vault.erase', 'vault/value', { reason, tokens });
      return tokens;
    });
  }

  /** A new key for what is sealed from now on; older ones still open what was sealed to them. */
  async renewKey(actor: Actor): Promise<{ readonly keyId: string; readonly createdAt: string }> {
    const { keys, bus, db } = this.#needs;
    const { keyId, createdAt } = await keys.add('vault');
    await transact(db.pool, (client) =>
      this.#audit(client, actor, 'vault.renew-key', `vault/key/${keyId}`, { keyId }),
    );
    await bus.publish('scrim:changes', { what: 'keys', names: ['vault'] });
    return { keyId, createdAt: createdAt.toISOString() };
  }

  #audit(client: PoolClient, actor: Actor, action: string, resource: string, after: unknown): Promise<void> {
    return insertAudit(client, this.#needs.newId(), actor, { action, resource, after });
  }

  /** Names of the policies that let one of the groups open their tokens. */
  async #rightsOf({ groups }: Principal): Promise<ReadonlySet<string>> {
    const all = await this.#needs.policies.all(this.#needs.db.prisma);
    const open = all.filter(({ detokenise }) => detokenise?.some((group) => groups.includes(group)));
    return new Set(open.map(({ name }) => name));
  }

  /** What the caller gets, or why nothing. */
  async #answer(
    client: PoolClient,
    who: Principal,
    tokens: readonly string[],
    { policies, secrets }: Rights,
  ): Promise<Answered[] | ApiError> {
    const refusal = refusalOf(who, policies);
    if (refusal) return refusal;
    const { detokeniseLimit } = this.#needs.config;
    const before = await openedLastHour(client, who.subject);
    const { values, erased } = await findValues(client, tokens);
    const kept = byToken(values);
    const judged = tokens.map((token) => {
      const mine = kept.get(token) ?? [];
      return { token, state: judge(token, mine, erased, policies), mine };
    });
    if (before + judged.filter(({ state }) => state === 'opened').length > detokeniseLimit) {
      const detail = `more than ${detokeniseLimit} tokens opened within an hour`;
      return new ApiError('SCRIM_API_RATE_LIMITED', { detail, mend: 'ask for fewer, or try again later' });
    }
    return judged.map(({ token, state, mine: [only] }) =>
      state === 'opened' && only ? this.#open(only, secrets.get(only.keyId)) : { token, state },
    );
  }

  #open({ token, sealed, keyId }: KeptValue, secret: Uint8Array | undefined): Answered {
    try {
      if (secret === undefined) throw new VaultError(`the vault key ${keyId} is gone`);
      return { token, state: 'opened', value: openSealed(sealed, token, secret) };
    } catch (err) {
      if (!(err instanceof VaultError)) throw err;
      this.#needs.log.error({ err, token }, 'a token does not open');
      return { token, state: 'unreadable' };
    }
  }
}
