import { byteClass } from '../../scan/bytes.ts';
import type { KeyedValue, ValueJudge } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { isPlaceholder } from './placeholder.ts';

/**
 * Whether the text under a password key is a password. Quoted text needs little; bare text must not look like code
 * (`password = user.password`), a type (`password: string`) or prose ("password is required").
 */
export const judgePassword: ValueJudge = (view, value) => {
  if (value.form === 'loose') return judgeSpoken(view, value);
  if (opensBracket(view, value)) return null;
  const span = unwrap(view, value);
  const text = view.text(span[0], Math.min(span[1], span[0] + 512));
  if (text.length < 4 || text.length > 500 || isPlaceholder(text) || isReference(text)) return null;
  if (isForeignWord(text)) return null;
  const alphabetic = /^[A-Za-z_-]+$/.test(text);
  if (isVerb(view, value, text)) return null;
  if (value.form === 'quoted' || value.form === 'cell') {
    if (text.includes(' ')) return isPassphrase(text) ? span : null;
    if (alphabetic && (text.length < 6 || echoesKey(text, value) || isIdentifier(text))) return null;
    return span;
  }
  if (text.includes(' ') || isCode(text)) return null;
  if (value.form === 'pair' && /^[A-Z_-]+$/.test(text)) return null;
  if (value.form === 'pair' && !value.upper)
    return /^[a-z_-]+\d{0,2}$/i.test(text) || ALGORITHM.test(text) ? null : strong(span, text);
  if (alphabetic && value.words.includes('passphrase') && /^[a-z]+(?:-[a-z]+){2,}$/.test(text)) return span;
  if (value.form === 'prose' || value.form === 'inline') {
    if (/^[A-Za-z]{5,}$/.test(text) && isNamed(view, value, span[1], text)) return span;
    if (alphabetic) return isBareWord(view, value, span[1], text) ? span : null;
    return isIdentifierWithDigits(text) && !value.upper && value.form === 'inline'
      ? strong(span, text)
      : span;
  }
  if (alphabetic && (text.length < 5 || echoesKey(text, value) || (!value.upper && isIdentifier(text))))
    return null;
  return span;
};

/** `t.pass("all good")`, "first pass: determine", "pass -q": the verb, unless something is assigned to it. */
function isVerb(view: View, value: KeyedValue, text: string): boolean {
  const last = value.words.length - 1;
  if (value.words[last] !== 'pass' || QUALIFIERS.has(value.words[last - 1] ?? '')) return false;
  let before = value.start - 1;
  while (QUOTES.includes(view.at(before)) || view.at(before) === 0x20) before -= 1;
  return view.at(before) !== 0x3d && !(/\d/.test(text) && /[A-Za-z]/.test(text) && !text.startsWith('-'));
}

/**
 * Letters alone, some of them outside ASCII (here as bytes of UTF-8): a word of some language in a table of
 * translations, not a password. Blanks and full-width marks make it a sentence, which is no password either.
 */
const isForeignWord = (text: string): boolean =>
  /[\x80-\xff]/.test(text) && /^[A-Za-z\x80-\xff _.,!?'()-]+$/.test(text);

/** Said before anything is decoded: `auth=(auth=(…` would be read to its end at every key. */
function opensBracket(view: View, value: KeyedValue): boolean {
  if (value.form === 'quoted' || value.form === 'cell') return false;
  const first = view.at(value.start);
  return first === 0x28 || first === 0x5b || first === 0x7b;
}

const QUOTES = [0x22, 0x27, 0x60, 0x5c];
const QUALIFIERS = new Set(
  'db smtp user root admin mysql mail redis login sudo ftp ldap imap auth my pg'.split(' '),
);

/**
 * A password of letters only, unquoted: after `=` nearly anything that is no name of a variable; in prose only what
 * does not end like an English adjective or participle ("password is required").
 */
function isBareWord(view: View, value: KeyedValue, end: number, text: string): boolean {
  if (text.length < 6 || isIdentifier(text) || echoesKey(text, value)) return false;
  if (value.upper) return true;
  if (text.length < 8 || view.at(end) === 0x29) return false;
  const assigned = value.form === 'inline' && view.at(value.start - 1) === 0x3d;
  return assigned || !ENGLISH.test(text);
}

const ALGORITHM = /^(?:sha|md|aes|utf|[rheps]s|base|rc|ascii|argon|pbkdf|scrypt)-?\d/i;

/**
 * "the password is walnut.": one word that ends its clause and is none of those that say how the password is, or what
 * it is for. Elsewhere in a sentence a word after "is" is grammar.
 */
function isNamed(view: View, value: KeyedValue, end: number, text: string): boolean {
  if (!/\b(?:is|was):? +$/.test(view.text(value.start - 8, value.start))) return false;
  const next = view.at(end);
  const after = next === 0x2e || next === 0x2c || next === 0x21 || next === 0x3b ? view.at(end + 1) : next;
  if (after >= 0 && after !== 0x0a && after !== 0x0d && (after !== 0x20 || after === next)) return false;
  return !GRAMMAR.test(text) && !STATES.has(text.toLowerCase());
}

const GRAMMAR =
  /(?:ed|ing|able|ible|ent|ant|ive|ful|less|ly|al|ous|ory|ary|ken|ten|wn|words?|ct|ical|time|ways?|where|thing|self)$/i;

const STATES = new Set(
  `wrong weak strong short empty blank null fine okay right correct valid invalid hashed safe secure same good better best bad
  worse very still also already just really never always here there this that these those older newer hidden shown known
  unknown unique simple complex about only under over unset optional mandatory plain plaintext cleartext clear text random
  default static stale lost stolen broken forgotten compromised public private local remote alright present absent gone
  sufficient ready false true undefined none nothing something anything everything everyone yours mine theirs ours hers
  enough fresh temporary permanent numeric alphanumeric binary ascii base encoded fixed global shared visible shorter longer newer older stronger weaker other either neither upper lower together yes no
  chosen given reset back down
  again soon today tomorrow later though then however fully early late okey accepted rejected cool great awesome terrible
  trivial obvious ok sensitive case crucial vital essential useless useful handy guessable breakable leaked needed`
    .split(/\s+/)
    .filter((word) => word !== ''),
);

const ENGLISH =
  /(?:ed|ing|ion|ions|ory|able|ible|ent|ant|ive|ful|less|ly|al|ous|ity|ness|ment|ments|thing|where|ever|er|est|ers|wort|words?|ence|ance|ic|ism|ist|ate|ize|ise|fy|ct|ical|long|ough|ect|en|ung|eit|ier|ieren|sel|code)$/i;

/** "use the password kX93mQz to log in": only what mixes digits and both cases. */
function judgeSpoken(view: View, value: KeyedValue): readonly [number, number] | null {
  let { end } = value;
  while (end > value.start && SENTENCE_END.includes(view.at(end - 1))) end -= 1;
  const text = view.text(value.start, Math.min(end, value.start + 128));
  if (text.length < 8 || isPlaceholder(text) || isReference(text) || isCode(text)) return null;
  const mixed = /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);
  return mixed && !/^[A-Z]?[a-z]+\d+$/.test(text) && !/^[A-Z\d]+[a-z]?$/.test(text)
    ? [value.start, end]
    : null;
}

const SENTENCE_END = [0x2e, 0x2c, 0x3b, 0x3a, 0x3f, 0x29];

/** Whether the text under a token, secret or API-key key is one: long, and not a word, a number or a name. */
export const judgeToken: ValueJudge = (view, value) => {
  if (value.form === 'loose') return judgeLoose(view, value);
  if (opensBracket(view, value)) return null;
  const span = unwrap(view, value);
  const text = view.text(span[0], Math.min(span[1], span[0] + 4096));
  if (text.length < 8 || text.includes(' ') || isPlaceholder(text) || isReference(text)) return null;
  if (isForeignWord(text) || LISTS_PAIRS.test(text)) return null;
  if (/^AWS4-HMAC-SHA\d+$|^[A-Za-z0-9_]+(?:\/|%2F)\d{8}(?:\/|%2F)/.test(text)) return null;
  if (/^[\d.,:-]+$/.test(text) && !/^\d{12,}$/.test(text)) return null;
  if (value.form !== 'quoted' && value.form !== 'cell' && isCode(text)) return null;
  if (/^_?[A-Za-z]+(?:[-_. ]+[A-Za-z]+)*_?[,;)]?$/.test(text)) return isScrambled(text) ? span : null;
  if (text.length < 40 && /[a-z]/.test(text) && /^[a-z]+(?:[-_.:/][a-z]+)*[-_.]?\d{1,3}$/i.test(text)) {
    if (!(value.form === 'quoted' && /secret/.test(value.words.join(' ')))) return null;
  }
  return strong(span, text);
};

/** `credentials 'id=…;secret=…'`: the values inside have keys of their own. */
const LISTS_PAIRS = /^\w+=[^=;]+;\w+=/;

/** "apikey 3kf…": only what is long and of mixed case, for a hash or a word may follow too. */
function judgeLoose(view: View, value: KeyedValue): readonly [number, number] | null {
  const text = view.text(value.start, Math.min(value.end, value.start + 512));
  if (text.length < 20 || isPlaceholder(text) || /EXAMPLE/.test(text)) return null;
  return /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text) && /^[\w+/=.-]+$/.test(text)
    ? [value.start, value.end]
    : null;
}

function strong(span: readonly [number, number], text: string): readonly [number, number] | null {
  const digits = /\d/.test(text);
  const letters = /[A-Za-z]/.test(text);
  if (digits && letters) return distinct(text) >= 5 ? span : null;
  return distinct(text) >= 8 ? span : null;
}

const distinct = (text: string): number => new Set(text).size;

/** A run of letters that no word list would produce: case changes all over, or hardly a vowel. */
function isScrambled(text: string): boolean {
  if (text.length < 16) return false;
  if (/^[A-Z]+$/.test(text)) return true;
  const changes = text.match(/[a-z][A-Z]|[A-Z]{2}[a-z]/g)?.length ?? 0;
  const vowels = text.match(/[aeiou]/gi)?.length ?? 0;
  return changes >= text.length / 6 || (vowels < text.length * 0.22 && /^[A-Za-z]+$/.test(text));
}

function isReference(text: string): boolean {
  if (/['"`] ?\+|\+ ?['"`]|\\\(|^urn:|^\/[/*]|^#[a-z][a-z-]*$/i.test(text)) return true;
  if (/\(\?[:=!<]|\[\^|\\[wdsWDS][*+\]{]|^\/\^/.test(text)) return true;
  if (/^(?:\.{0,2}\/|~\/|[A-Za-z]:\\)[\w.@~-]*(?:[/\\][\w.@ -]+)*\/?$/.test(text))
    return /\/.*\/|\.\w{2,5}$|^\.|^~/.test(text);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return true;
  if (
    /^(?:arn:|vault:|secret:|secretsmanager:|ssm:|kms:|file:|env:|op:|sm:|gcp:|ref\+|enc\[|data:|projects\/)/i.test(
      text,
    )
  )
    return true;
  return /^(?:process\.env|os\.environ|env\.|var\.|local\.|module\.|data\.|secrets\.|params?\.|config\.|settings\.|self\.|this\.|ctx\.|req\.|request\.|props\.|args\.|opts?\.|options\.)/.test(
    text,
  );
}

/** `user.password`, `getToken()`, `cfg->secret`, `items[0]`, `a + b`: expressions, not values. */
function isCode(text: string): boolean {
  const path =
    /^[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)*(?:\.|->|::)([A-Za-z_$][\w$]*)[!?]?,?$/.exec(
      text,
    );
  if (path && !(/\d{2,}/.test(text) && !/^(?:exports|module|this|self)\b/.test(text)))
    return !/^(?=.*\d)\w{20,}$/.test(path[1] as string);
  return (
    /^0x[\da-f]{1,8}[;,]?$/i.test(text) ||
    TYPE_NAME.test(text) ||
    /^[A-Za-z_$][\w$.:>-]*(?:\(|\[(?:[\w"'\]:-]|$)|<)/.test(text) ||
    /^\w+\.(?:[A-Z][a-z0-9]+){2,},?$/.test(text) ||
    /^(?:[([{]|!+[A-Za-z_$])/.test(text) ||
    /^[a-z-]+\{[a-z-]+:/.test(text) ||
    text.includes('=>')
  );
}

/** `OpenID4Credential;`: words in camel case, the last of which says what kind of thing it is. */
const TYPE_NAME =
  /^[A-Z][A-Za-z]*\d?[A-Za-z]*(?:Type|Types|Result|Credentials?|Token|Secret|Key|String|Options|Config|Params|Provider|Manager|Service|Handler|Response|Request|Context|Callback|Factory|Error|Schema|Field|Input|Output|Info|Data|Value|Props|Spec|Ref|Source|Reference)(?:\[\])?[;,]?$/;

/** A name somebody gave to something: snake, kebab or camel case words. */
function isIdentifier(text: string): boolean {
  if (/^[a-z]+(?:[_-][a-z]+)+$/.test(text) || /^[A-Z]+(?:_[A-Z]+)+$/.test(text)) return true;
  if (/^(?:[a-z]+|[A-Z][a-z]+)(?:[A-Z][a-z]+)+$/.test(text)) return !isJumbled(text);
  return /pass|secret|token|string|auth|cred|field|input/i.test(text);
}

/** Camel case whose humps are too short to be words. */
const isJumbled = (text: string): boolean =>
  text.length >= 10 && text.length / ((text.match(/[A-Z]/g)?.length ?? 0) + 1) < 3.3;

const isIdentifierWithDigits = (text: string): boolean => /^[a-z_]+\d?$/i.test(text);

function echoesKey(text: string, value: KeyedValue): boolean {
  const lower = text.toLowerCase();
  return value.words.includes(lower) || lower === value.words.join('');
}

/** Four or more lower-case words that make no sentence. */
function isPassphrase(text: string): boolean {
  const words = text.split(' ');
  if (words.some((w) => STOP_WORDS.has(w.toLowerCase()) || w === '')) return false;
  if (words.length <= 4 && words.some((w) => /[a-z]\d|\d[a-z]|\w[@$!#%]\w/i.test(w))) return true;
  if (words.length < 3) return false;
  return words.length <= 8 && words.every((w) => /^[a-z0-9-]{2,12}$/.test(w));
}

const STOP_WORDS = new Set(
  'the a an is are was be to of for in on at your my our and or not must should can with from by this that it as if no please enter password secret token key least characters'.split(
    ' ',
  ),
);

const SCHEME_VALUE = byteClass('A-Za-z0-9._~+/=-');

/** A value may carry a scheme in front: "Bearer …", "Basic …", "token …"; the secret is what follows. */
function unwrap(view: View, value: KeyedValue): readonly [number, number] {
  const head = view.text(value.start, Math.min(value.end, value.start + 12));
  const scheme = /^(?:bearer|basic|token|apikey|digest|bot)\s+/i.exec(head);
  if (/^(?:token|apikey|api-key)$/i.test(head) && view.at(value.end) === 0x20)
    return [value.end + 1, view.run(SCHEME_VALUE, value.end + 1, 4096)];
  return scheme ? [value.start + scheme[0].length, value.end] : [value.start, value.end];
}
