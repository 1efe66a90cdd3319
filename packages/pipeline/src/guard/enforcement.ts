import {
  type CustomPattern,
  compileColumnPattern,
  compileFieldPattern,
  compileHeaderPattern,
  createMaskRecogniser,
  createOperator,
  createScanner,
  type FieldRule,
  type Operator,
  resolveDetectors,
  type Scanner,
} from '@scrim/masking';
import {
  type Caller,
  type ColumnPlace,
  type Refusal,
  type RefusalCode,
  refuse,
  type Secret,
  type Statement,
} from '@scrim/model';
import {
  type CompiledMask,
  type CompiledPolicy,
  type LimitRule,
  type ResponseRule,
  type Verdict,
  worst,
} from '@scrim/policy';
import type { Authorisation } from '../authorise/authorise.ts';
import type { ColumnRule, ContentRule, HeaderRule, MaskRules } from '../mask/plan.ts';
import type { Vault } from '../vault/vault.ts';
import { type CredentialGuard, CredentialGuards, guardRules } from './credential.ts';

/** Operators by the rule that asks for them; built by `operatorFor` so that the key stays in one place. */
type OperatorFor = (mask: CompiledMask) => Operator;

/** Methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** The longest keyed token is 68 bytes; in hex, as bytes are written, twice that. */
const LONGEST_TOKEN = 136;

/** Every rule that applies to a caller on a connection, compiled once and shared by all such sessions. */
export class Enforcement {
  readonly mask: MaskRules;
  /** What a caller may use of the connection. */
  readonly limits: readonly LimitRule[];
  /** What is done with content no rule can look into. */
  readonly uninspected: 'block' | 'allow';
  /** See {@link CompiledPolicy.wholeOperations}. */
  readonly wholeOperations: boolean;
  /** Rules about what comes back, in order. */
  readonly responses: readonly ResponseRule[];
  /** Whether a text has one of our masks in it; always false when no rule masks anything. */
  readonly containsMask: (text: string) => boolean;
  readonly masks: boolean;
  /** Bytes of the longest mask a chunk border can cut. */
  readonly longestMask: number;
  /** What the target was sent and must not come back; absent where it cannot. */
  readonly credential: CredentialGuard | undefined;
  readonly #wireLiterals: readonly string[];
  readonly #policy: CompiledPolicy;
  readonly #verdicts = new WeakMap<Statement, Verdict>();
  readonly #detectors = new WeakMap<ResponseRule, readonly string[]>();

  constructor(
    policy: CompiledPolicy,
    mask: MaskRules,
    operators: readonly Operator[],
    credential?: CredentialGuard,
  ) {
    this.#policy = policy;
    this.credential = credential;
    this.mask = mask;
    this.masks = operators.length > 0;
    const recogniser = createMaskRecogniser(operators);
    this.containsMask = (text) => this.masks && recogniser.containsMask(text);
    this.#wireLiterals = operators.flatMap(({ literal }) =>
      literal === undefined ? [] : [Buffer.from(literal).toString('latin1')],
    );
    this.longestMask = Math.max(LONGEST_TOKEN, ...this.#wireLiterals.map((it) => it.length));
    this.responses = policy.response;
    this.limits = policy.limits;
    this.uninspected = policy.uninspected;
    this.wholeOperations = policy.wholeOperations;
  }

  /** Whether lines of an interactive shell are judged one by one. */
  judgesLines(kind: Caller['kind']): boolean {
    return this.#policy.interactive(kind).lines;
  }

  /** Whether raw bytes, given as latin1, have one of our masks in them. */
  bytesContainMask(latin1: string): boolean {
    // A template may hold letters beyond ASCII; on the wire those are several bytes.
    return this.containsMask(latin1) || this.#wireLiterals.some((literal) => latin1.includes(literal));
  }

  /** The verdict on a statement; the same object for the same statement, so a prepared one is judged once. */
  judge(statement: Statement): Verdict {
    let verdict = this.#verdicts.get(statement);
    if (!verdict) {
      verdict = this.#keeping(statement) ?? this.#deriving(statement) ?? this.#judged(statement);
      this.#verdicts.set(statement, verdict);
    }
    return verdict;
  }

  /**
   * Masks follow a value by where it stands. A statement that puts a masked one elsewhere (another column, a setting, a
   * file) would make it readable there for everyone, so it does not run.
   */
  #keeping(statement: Statement): Verdict | undefined {
    const { facts } = statement;
    if (facts.kind !== 'sql' || !facts.keeps?.columns) return undefined;
    const kept = this.#masked(facts.keeps.columns);
    if (!kept) return undefined;
    const reason = `it would copy ${kept.what}, which is masked, to where no mask follows`;
    return { action: 'block', rule: kept.rule, reason };
  }

  /** `derived: block`: a statement that shows values computed from masked ones is refused before it runs. */
  #deriving(statement: Statement): Verdict | undefined {
    const { facts } = statement;
    if (this.mask.derived !== 'block' || facts.kind !== 'sql') return undefined;
    const found = this.#masked(facts.uses?.().derives ?? 'unknown');
    if (!found) return undefined;
    const reason = `its result would be computed from ${found.what}, which is masked; select the column itself`;
    return { action: 'block', rule: found.rule, reason };
  }

  /** The policies' verdict, and theirs on conditions over masked columns where it tests one. */
  #judged(statement: Statement): Verdict {
    const { facts } = statement;
    const judged = this.#policy.judge(statement);
    const { predicates } = this.#policy;
    if (predicates.action === 'allow' || facts.kind !== 'sql') return judged;
    const found = this.#masked(facts.uses?.().tests ?? 'unknown');
    if (!found) return judged;
    return worst([judged, { ...predicates, reason: `it tests ${found.what}, which is masked` }]);
  }

  /** The first of these columns that a rule masks; of unknown ones, any that is masked. */
  #masked(columns: readonly ColumnPlace[] | 'unknown'): { rule: string; what: string } | undefined {
    if (columns === 'unknown') {
      const [first] = this.mask.columns;
      return first && { rule: first.id, what: 'what may be a column' };
    }
    for (const { schema, table, column } of columns) {
      const rule = this.mask.columns.find(({ matcher }) => matcher.matches(schema, table, column));
      if (rule) return { rule: rule.id, what: `${table}.${column}` };
    }
    return undefined;
  }

  /** Whether the statement may change something at the target; what is not understood may. */
  mutates(statement: Statement): boolean {
    const { facts } = statement;
    if (facts.kind === 'http') return !SAFE_METHODS.has(facts.method) && !facts.transient;
    if (facts.kind !== 'sql') return true;
    return !facts.complete || facts.effects.some((effect) => effect !== 'read' && effect !== 'session');
  }

  /** Whether a rule's detectors include one that found something. */
  anyDetected(rule: ResponseRule, found: ReadonlySet<string>): boolean {
    let wanted = this.#detectors.get(rule);
    if (!wanted) {
      wanted = resolveDetectors(rule.detect ?? []);
      this.#detectors.set(rule, wanted);
    }
    return wanted.some((detector) => found.has(detector));
  }

  /** The refusal of so many bytes nothing can look into, unless a policy lets them pass. */
  refusesUnread(bytes: number, why: string, code: RefusalCode = 'SCRIM_UNMASKABLE'): Refusal | undefined {
    if (bytes === 0 || !this.mask.inspects || this.uninspected === 'allow') return undefined;
    return refuse(code, {
      message: `the content cannot be inspected (${why})`,
      hint: 'ask for a text form of it, or ask an administrator to set uninspected: allow in a policy',
    }).refusal;
  }

  /** Whether a rule asks for the size of what the caller sends. */
  get judgesSize(): boolean {
    return this.#policy.request.length > 0;
  }

  /** The verdict on what the caller sends at once, by its size; undefined where no rule asks. */
  judgeSize(bytes: number): Verdict | undefined {
    if (this.#policy.request.length === 0) return undefined;
    const verdict = this.#policy.judgeRequest(bytes);
    return verdict.action === 'allow' ? undefined : verdict;
  }
}

function columnRules(policy: CompiledPolicy, operatorFor: OperatorFor): ColumnRule[] {
  return policy.masks.flatMap((mask) => {
    const { id, rule } = mask;
    if (!('column' in rule)) return [];
    return [{ id, matcher: compileColumnPattern(rule.column), operator: operatorFor(mask) }];
  });
}

function fieldRules(policy: CompiledPolicy, operatorFor: OperatorFor): FieldRule[] {
  return policy.masks.flatMap((mask) => {
    const { id, rule } = mask;
    if (!('field' in rule)) return [];
    return [{ rule: id, matcher: compileFieldPattern(rule.field), operator: operatorFor(mask) }];
  });
}

function headerRules(policy: CompiledPolicy, operatorFor: OperatorFor): HeaderRule[] {
  return policy.masks.flatMap((mask) => {
    const { id, rule } = mask;
    if (!('header' in rule)) return [];
    return [{ id, matcher: compileHeaderPattern(rule.header), operator: operatorFor(mask) }];
  });
}

interface Content {
  readonly detectors: Set<string>;
  readonly patterns: CustomPattern[];
  readonly rules: Map<string, ContentRule>;
}

function contentRules(policy: CompiledPolicy, operatorFor: OperatorFor): Content {
  const detectors = new Set<string>();
  const patterns: CustomPattern[] = [];
  const rules = new Map<string, ContentRule>();
  const names = new Map<string, string>();
  for (const mask of policy.masks) {
    const { id, rule, restore } = mask;
    const contentRule = (): ContentRule => {
      const operator = operatorFor(mask);
      return { id, operator, restores: restore && operator.name === 'tokenise' };
    };
    if ('detect' in rule) {
      for (const detector of resolveDetectors(rule.detect)) {
        detectors.add(detector);
        if (!rules.has(detector)) rules.set(detector, contentRule());
      }
    } else if ('pattern' in rule) {
      const pattern = patternNamed(names, rule.pattern);
      if (!pattern) continue;
      const detector = `custom.${pattern.name}`;
      patterns.push(pattern);
      rules.set(detector, contentRule());
    }
  }
  return { detectors, patterns, rules };
}

/**
 * Policies of different authors may give one name to two patterns: both must fire, so the later one is renamed.
 * Undefined when the very same pattern is known already.
 */
function patternNamed(names: Map<string, string>, pattern: CustomPattern): CustomPattern | undefined {
  let { name } = pattern;
  for (let count = 2; names.has(name); count++) {
    if (names.get(name) === pattern.regex) return undefined;
    name = `${pattern.name.slice(0, 55)}_${count}`;
  }
  names.set(name, pattern.regex);
  return { name, regex: pattern.regex };
}

/** Compiles the masking half of a caller's policies. Throws when a rule cannot be compiled: fail closed. */
function maskRules(
  policy: CompiledPolicy,
  operatorFor: OperatorFor,
  cover: Operator,
  scannerFor: ScannerFor,
  credential: CredentialGuard | undefined,
): MaskRules {
  const content = contentRules(policy, operatorFor);
  const watched = new Set<string>();
  for (const { detect } of policy.response) {
    for (const detector of detect ? resolveDetectors(detect) : []) {
      content.detectors.add(detector);
      watched.add(detector);
    }
  }
  const scans = content.detectors.size > 0 || content.patterns.length > 0;
  const columns = columnRules(policy, operatorFor);
  const fields = fieldRules(policy, operatorFor);
  const headers = headerRules(policy, operatorFor);
  const looks = scans || credential !== undefined;
  const rules: MaskRules = {
    columns,
    fields,
    headers,
    ...(looks ? { scanner: scannerFor([...content.detectors].sort(), content.patterns, credential) } : {}),
    content: content.rules,
    watched,
    measuresBlobs: policy.response.some((rule) => rule.blobLargerThan !== undefined),
    derived: policy.derived,
    cover,
    inspects: scans || columns.length > 0 || fields.length > 0 || headers.length > 0,
  };
  return credential ? guardRules(rules, credential) : rules;
}

type ScannerFor = (
  detectors: readonly string[],
  patterns: readonly CustomPattern[],
  credential: CredentialGuard | undefined,
) => Scanner;

/** Compiled rules, and scanners, kept at once; the oldest go first. Each may hold a credential. */
const MOST_KEPT = 512;
const NO_SECRETS: readonly Secret[] = [];

function keep<T>(map: Map<string, T>, key: string, value: T): T {
  map.set(key, value);
  if (map.size > MOST_KEPT) map.delete(map.keys().next().value as string);
  return value;
}

/**
 * Enforcements by what they were compiled from. Sessions of the same connection and groups share one, so a thousand
 * callers compile the rules once; a new snapshot starts afresh, but scanners (the expensive part) are kept.
 */
export class Enforcements {
  readonly #byKey = new Map<string, Enforcement>();
  readonly #scanners = new Map<string, Scanner>();
  readonly #guards = new CredentialGuards();
  readonly #vault: Vault | undefined;

  /** @param vault where reversible tokens are kept; without one, rules that ask for them do not compile */
  constructor(vault?: Vault) {
    this.#vault = vault;
  }

  /**
   * The rules of a session. `secrets` = what its target is sent and could repeat: masked by them in any case.
   * Throws for rules that cannot be compiled, and for a secret that could not be found again.
   */
  of(authorisation: Authorisation, secrets = NO_SECRETS): Enforcement {
    const { compiled, snapshot } = authorisation;
    const masking = Buffer.from(snapshot.maskingKey, 'base64');
    const cover = createOperator('redact', { masking });
    const credential = this.#guards.of(secrets, cover);
    // People and machines of the same groups get other verdicts on shells.
    const chosen = compiled.policies.map((it) => `${it.name}@${it.version}`).join(',');
    const key = `${authorisation.caller.kind}:${credential?.digest ?? ''}:${chosen}`;
    const known = this.#byKey.get(key);
    if (known) return known;
    const operators: Operator[] = [];
    const operatorFor: OperatorFor = ({ rule, policy }) => {
      const operator = createOperator(rule.with, { masking }, this.#vault?.of(policy));
      operators.push(operator);
      return operator;
    };
    const scannerFor: ScannerFor = (...of) => this.#scanner(...of);
    const mask = maskRules(compiled, operatorFor, cover, scannerFor, credential);
    return keep(this.#byKey, key, new Enforcement(compiled, mask, operators, credential));
  }

  /** Forgets what was compiled from an older snapshot. */
  clear(): void {
    this.#byKey.clear();
  }

  #scanner(
    detectors: readonly string[],
    patterns: readonly CustomPattern[],
    credential: CredentialGuard | undefined,
  ): Scanner {
    const key = JSON.stringify([detectors, patterns, credential?.digest]);
    const known = this.#scanners.get(key);
    if (known) return known;
    const scanner = createScanner({ detectors, patterns, ...(credential && { known: credential.known }) });
    return keep(this.#scanners, key, scanner);
  }
}
