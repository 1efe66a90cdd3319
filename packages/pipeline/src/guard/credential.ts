import { createHash } from 'node:crypto';
import {
  createScanner,
  type FieldRule,
  type KnownTexts,
  type Operator,
  type Scanner,
  SHORTEST_KNOWN,
} from '@scrim/masking';
import type { Secret } from '@scrim/model';
import type { ContentRule, HeaderRule, MaskRules } from '../mask/plan.ts';

/** What findings of the target's own credential are called by detectors, and by events. */
const DETECTOR = 'scrim.credential';
const RULE = 'scrim/credential';

/** Spellings of one secret that are looked for; a value of hundreds of words is none. */
const MOST_SPELLINGS = 64;

/** A connection's credential as answers may repeat it, and how it is masked there. */
export interface CredentialGuard {
  readonly known: KnownTexts;
  /** Which credential this is, without telling it: for caches. */
  readonly digest: string;
  readonly rule: ContentRule;
  readonly detector: string;
  /** Finds nothing but the credential. */
  readonly scanner: Scanner;
  readonly cover: Operator;
}

/** Guards kept at once, the oldest goes first: building one costs more than all that a short session does. */
const MOST_GUARDS = 256;

/** The guards of one edge. */
export class CredentialGuards {
  readonly #known = new Map<string, CredentialGuard | undefined>();

  /**
   * The guard of these secrets; undefined when none of them is long enough to be told from other text. Throws a
   * RangeError for one that cannot be looked for: such a session must not open.
   */
  of(secrets: readonly Secret[], cover: Operator): CredentialGuard | undefined {
    if (secrets.length === 0) return undefined;
    const digest = createHash('sha256');
    for (const secret of secrets) digest.update(JSON.stringify(secret.reveal()));
    const key = digest.digest('base64');
    if (this.#known.has(key)) return this.#known.get(key);
    const guard = guardOf(secrets, key, cover);
    this.#known.set(key, guard);
    if (this.#known.size > MOST_GUARDS) this.#known.delete(this.#known.keys().next().value as string);
    return guard;
  }
}

function guardOf(secrets: readonly Secret[], digest: string, cover: Operator): CredentialGuard | undefined {
  const texts = [...new Set(secrets.flatMap((secret) => spellingsOf(secret.reveal())))];
  if (texts.length === 0) return undefined;
  const known = { id: DETECTOR, texts };
  const scanner = createScanner({ detectors: [], known });
  return { known, digest, rule: { id: RULE, operator: cover }, detector: DETECTOR, scanner, cover };
}

/** Rules that let no part of the credential through, whatever they were written for. */
export function guardRules(rules: MaskRules, guard: CredentialGuard): MaskRules {
  const wrap = <T extends FieldRule | HeaderRule>(rule: T): T => ({
    ...rule,
    operator: guardOperator(rule.operator, guard),
  });
  return {
    ...rules,
    fields: rules.fields.map(wrap),
    headers: rules.headers.map(wrap),
    content: new Map([...rules.content, [guard.detector, guard.rule]]),
  };
}

/** `partial` keeps the last four letters of a value, and tokens of guessed values tell whether a guess is right. */
function guardOperator(operator: Operator, { scanner, cover }: CredentialGuard): Operator {
  if (operator.literal !== undefined || operator.name === 'null') return operator;
  return {
    name: operator.name,
    recognises: (value, context) => operator.recognises(value, context),
    apply: (value, context) =>
      scanner.find(value).length > 0 ? cover.apply(value, context) : operator.apply(value, context),
  };
}

/**
 * Ways a target may write the secret: its words, what they are in base64 (a user and a password, RFC 7617), and each of
 * them as URLs, forms, JSON and XML spell it.
 */
function spellingsOf(secret: string): string[] {
  const [first = '', ...others] = secret.split(/\s+/);
  // A value may bring its own scheme (`Bearer …`), whose name is no secret, and parameters (`token="…"`).
  const secrets = others.length > 0 && /^[A-Za-z]+$/.test(first) ? others : [first, ...others];
  const parameters = secrets.flatMap((word) => /="([^"]+)"/.exec(word)?.[1] ?? []);
  const words = [...secrets, ...parameters].flatMap((word) => [word, ...decodedCredentials(word)]);
  return [...new Set(words.flatMap(writtenWays))]
    .filter((text) => text.length >= SHORTEST_KNOWN)
    .slice(0, MOST_SPELLINGS);
}

/** The user and password a word is, where it is the credential of Basic authentication; and the password alone. */
function decodedCredentials(word: string): string[] {
  if (!/^[A-Za-z0-9+/_-]{8,}={0,2}$/.test(word)) return [];
  const decoded = Buffer.from(word, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0 || !/^[\x20-\x7e]+$/.test(decoded)) return [];
  return [decoded, decoded.slice(colon + 1)].flatMap((it) => it.split(/\s+/));
}

function writtenWays(word: string): string[] {
  const bare = word.replace(/=+$/, '');
  const json = JSON.stringify(bare).slice(1, -1);
  return [
    bare,
    encodeURIComponent(bare),
    encodeURI(bare),
    json,
    json.replaceAll('/', '\\/'),
    xmlWritten(bare),
    Buffer.from(word).toString('base64').replace(/=+$/, ''),
    Buffer.from(word).toString('base64url'),
  ];
}

function xmlWritten(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
