import { canonicalise } from './canonical.ts';
import { carriesText, unwrapText, wrapText } from './carrier.ts';
import { preserveFormat } from './format-preserving.ts';
import { type DerivedKeys, deriveKeys } from './keyed-digest.ts';
import { isKeyedStandIn, keyedStandIn } from './keyed-stand-in.ts';
import { coverPartly, readKeep } from './partial.ts';
import { fitText, MASKED_TEXT, MASKED_UUID, standIn } from './stand-in.ts';
import { RedactTemplate } from './template.ts';
import { isToken, mintToken, TOKEN_LENGTH, type TokenPrefix } from './text-token.ts';
import {
  type FpeOptions,
  type HashOptions,
  type Operator,
  type OperatorContext,
  OperatorError,
  type OperatorKeys,
  type OperatorSpec,
  type PartialOptions,
  type RedactOptions,
  type TokeniseOptions,
} from './types.ts';
import type { TokenVault } from './vault.ts';

/**
 * Builds the operator a policy names.
 * @param vault where `tokenise: { reversible: true }` reports what its tokens stand for.
 * @throws OperatorError naming field, problem and mend when the spec or a key is not usable.
 */
export function createOperator(spec: OperatorSpec, keys: OperatorKeys, vault?: TokenVault): Operator {
  const { name, options } = readSpec(spec);
  const derived = deriveKeys(keys);
  switch (name) {
    case 'redact':
      return redact(options as Partial<RedactOptions>, derived);
    case 'partial':
      return partial(options as PartialOptions, derived);
    case 'hash':
      return hash(options as HashOptions, derived);
    case 'tokenise':
      return tokenise(options as TokeniseOptions, derived, vault);
    case 'fpe':
      return fpe(options as FpeOptions, derived);
    default:
      return { name: 'null', apply: () => null, recognises: () => false };
  }
}

const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  redact: ['template'],
  partial: ['keepFirst', 'keepLast', 'maskWith'],
  hash: ['length'],
  tokenise: ['reversible'],
  fpe: ['alphabet'],
  null: [],
};

/** Specs come from YAML, so nothing about their shape is taken for granted. */
function readSpec(spec: unknown): { name: string; options: object } {
  const known = Object.keys(OPTIONS).join(', ');
  if (typeof spec === 'string') {
    if (!Object.hasOwn(OPTIONS, spec))
      throw new OperatorError('with', `${JSON.stringify(spec)} is no operator`, `use one of ${known}`);
    return { name: spec, options: {} };
  }
  if (spec === null)
    throw new OperatorError('with', 'is empty', `use one of ${known}; write null in quotes: "null"`);
  const entries = typeof spec === 'object' ? Object.entries(spec) : [];
  const [name, options] = entries[0] ?? ['', undefined];
  if (entries.length !== 1 || !Object.hasOwn(OPTIONS, name) || name === 'null') {
    throw new OperatorError(
      'with',
      'does not name one operator',
      `use one of ${known}, or { partial: { keepLast: 4 } }`,
    );
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new OperatorError(
      `with.${name}`,
      'has no options',
      `write just ${name}, or options: ${OPTIONS[name]!.join(', ')}`,
    );
  }
  const stray = Object.keys(options).find((option) => !OPTIONS[name]!.includes(option));
  if (stray !== undefined) {
    throw new OperatorError(`with.${name}.${stray}`, 'is unknown', `allowed: ${OPTIONS[name]!.join(', ')}`);
  }
  return { name, options };
}

/** Masks no operator masks again: the unmistakable constants, and tokens made with our own keys. */
function isSettled(keys: DerivedKeys, value: string, context: OperatorContext, ownLength?: number): boolean {
  const isUuid = (text: string) => text === MASKED_UUID || isKeyedStandIn(keys, text, 'uuid');
  if (!carriesText(context.type)) {
    return context.type === 'uuid' ? isUuid(value) : isKeyedStandIn(keys, value, context.type);
  }
  const text = unwrapText(value, context.type);
  // JSON and casts carry uuids as text; their check is as strong as a token's.
  return text === MASKED_TEXT || isToken(keys, text, context.maxLength, ownLength) || isUuid(text);
}

function redact(options: Partial<RedactOptions>, keys: DerivedKeys): Operator {
  const template = new RedactTemplate(options.template ?? MASKED_TEXT);
  const hashLength = 'hash_'.length + TOKEN_LENGTH;
  const values = (context: OperatorContext) => ({
    type: context.type,
    detector: context.detector ?? 'value',
  });
  const render = (value: string, context: OperatorContext): string => {
    if (!carriesText(context.type)) return standIn(value, context.type);
    const hash = () =>
      mintToken(keys, canonicalise(unwrapText(value, context.type)).text, {
        prefix: 'hash',
        length: TOKEN_LENGTH,
        email: false,
        maxLength: undefined,
      })!;
    return wrapText(
      fitText(template.render({ ...values(context), hash }), context.type, context.maxLength),
      context.type,
    );
  };
  const recognises = (value: string, context: OperatorContext): boolean => {
    if (isSettled(keys, value, context)) return true;
    if (!carriesText(context.type)) return value === standIn(value, context.type);
    if (template.literal !== undefined) return value === render('', context);
    const isHash = (text: string) => isToken(keys, text);
    return (
      template.wrote(unwrapText(value, context.type), values(context), hashLength, isHash) ||
      value === standIn('', context.type, context.maxLength)
    );
  };
  return {
    name: 'redact',
    apply: (value, context) => {
      const { literal } = template;
      // By far the most usual case, once per value of every row: nothing is to be rendered.
      if (literal !== undefined && context.type === 'text' && context.maxLength === undefined) {
        return value === literal || isSettled(keys, value, context) ? value : literal;
      }
      return recognises(value, context) ? value : render(value, context);
    },
    recognises,
    ...(template.literal === undefined ? {} : { literal: template.literal }),
  };
}

function partial(options: PartialOptions, keys: DerivedKeys): Operator {
  const keep = readKeep(options);
  const apply = (value: string, context: OperatorContext): string =>
    isSettled(keys, value, context) ? value : coverPartly(value, keep, context);
  return {
    name: 'partial',
    apply,
    recognises: (value, context) => value !== '' && apply(value, context) === value,
  };
}

function hash(options: HashOptions, keys: DerivedKeys): Operator {
  const length = options.length ?? TOKEN_LENGTH;
  if (!Number.isInteger(length) || length < 16 || length > 48) {
    throw new OperatorError(
      'hash.length',
      'is not a whole number from 16 to 48',
      `leave it out for ${TOKEN_LENGTH}`,
    );
  }
  return keyed('hash', length, keys, () => {});
}

function tokenise(options: TokeniseOptions, keys: DerivedKeys, vault: TokenVault | undefined): Operator {
  // Never by default: a vault full of copies nobody asked for is a risk, not a service.
  const reversible = options.reversible ?? false;
  if (typeof reversible !== 'boolean') {
    throw new OperatorError('tokenise.reversible', 'is not true or false', 'write true or false');
  }
  if (!reversible) return keyed('tok', TOKEN_LENGTH, keys, () => {});
  if (vault === undefined) {
    throw new OperatorError(
      'tokenise.reversible',
      'needs a token vault',
      'configure one, or set reversible: false',
    );
  }
  return keyed('tok', TOKEN_LENGTH, keys, (token, canonical) => vault.put(token, canonical));
}

/** Digits before the point of a numeric's keyed stand-in; a column of fewer gets the constant one. */
const NUMERIC_DIGITS = 16;

/** hash and tokenise: the same machinery under different names, so their results never match. */
function keyed(
  prefix: TokenPrefix,
  length: number,
  keys: DerivedKeys,
  report: (token: string, canonical: string) => void,
): Operator {
  const ownLength = length < TOKEN_LENGTH ? length : undefined;
  /** The token a canonical text gets in the place, or undefined where the place is too narrow. */
  const tokenFor = (
    kind: string,
    text: string,
    value: string,
    context: OperatorContext,
  ): string | undefined => {
    if (!carriesText(context.type)) {
      const { type, maxLength = NUMERIC_DIGITS } = context;
      if (type === 'numeric' && maxLength < NUMERIC_DIGITS) return undefined;
      return keyedStandIn(keys, prefix, text, type, value);
    }
    const maxLength = context.type === 'text' || context.type === 'unknown' ? context.maxLength : undefined;
    const email = prefix === 'tok' && kind === 'email';
    return mintToken(keys, text, { prefix, length, email, maxLength });
  };
  return {
    name: prefix === 'tok' ? 'tokenise' : 'hash',
    recognises: (value, context) =>
      isSettled(keys, value, context, ownLength) ||
      (value === standIn(value, context.type, context.maxLength) &&
        tokenFor('text', '', value, context) === undefined),
    apply(value, context) {
      if (isSettled(keys, value, context, ownLength)) return value;
      const { kind, text } = canonicalise(unwrapText(value, context.type));
      const token = tokenFor(kind, text, value, context);
      if (token === undefined) return standIn(value, context.type, context.maxLength);
      report(token, text);
      return wrapText(token, context.type);
    },
  };
}

function fpe(options: FpeOptions, keys: DerivedKeys): Operator {
  const { alphabet } = options;
  if (alphabet !== undefined && alphabet !== 'digits' && alphabet !== 'alphanumeric') {
    throw new OperatorError('fpe.alphabet', 'is unknown', 'use digits or alphanumeric');
  }
  return {
    name: 'fpe',
    recognises: (value, context) => isSettled(keys, value, context),
    apply: (value, context) =>
      isSettled(keys, value, context)
        ? value
        : (preserveFormat(value, alphabet, keys.fpe, context) ??
          standIn(value, context.type, context.maxLength)),
  };
}
