/**
 * Values that stand for a secret instead of being one: templates, references, documentation words, masks. Masking
 * them would be noise; masking a mask would not be idempotent.
 */
export function isPlaceholder(value: string): boolean {
  if (value.length < 3) return true;
  if (value.includes('EXAMPLE')) return true;
  if (REPEATED.test(value) || TEMPLATE.test(value) || MASKED.test(value)) return true;
  const lower = value.toLowerCase();
  if (WORDS.has(lower.replace(/[^a-z0-9]/g, ''))) return true;
  return PHRASE.test(lower);
}

const REPEATED = /^(.)\1*$|^(?:[x*.#_\-0•…]+|<[^<>]*>|\[[^[\]]*\]|\([^()]*\))$/i;
const TEMPLATE =
  /^\$[\w({]|\$\{|\{\{|<%|%\(|^%\w+%$|^%\{|^\{[\w.:-]*\}$|^#\{|^@[\w.]+@$|^&[\w.-]+$|^!\w+|^\*(?![\dA-F]{40}$)\w+$|^:[a-z][\w:]*$|^\?$|^@\{/;
const MASKED =
  /\*{3,}|x{6,}|X{4,}|\.{3,}|…|•{2,}|_{6,}|\[(?:redacted|masked|filtered|hidden|removed)|<(?:redacted|masked|hidden)/i;
const PHRASE =
  /^(?:your|my|the|some|enter|insert|replace|put|add|use|set|change|update|fill|choose|any)[-_ ./]|change[-_ ]?(?:me|this|it)(?!\d)|replace[-_ ]?(?:me|this|with)|(?:your|example|sample|dummy|fake|placeholder|insert|redacted|masked)[-_ ]?(?:api|secret|token|key|pass|password|value|here|access|client|auth)?(?:[-_]|$)|[-_ ](?:here|placeholder|example|goes[-_ ]here)$|not[-_ ]?set|to[-_ ]be[-_ ]|^(?:tbd|todo|fixme|n\/a)$|example(?:key|token|secret|password)?$/;

const WORDS = new Set(
  `none null nil undefined true false yes no empty string str text bytes bool boolean int integer number object any void
  char varchar uuid optional required hidden masked redacted filtered removed omitted secret secrets password passwd pwd
  pass token key apikey apitoken authtoken accesstoken credentials credential default test testing example sample dummy
  fake placeholder changeme changeit changethis todo tbd fixme unknown disabled enabled deprecated plaintext plain value
  yourpassword yourtoken yoursecret yourapikey mypassword mysecret mytoken user username root admin input field label basic bearer
  oauth oauth2 jwt hash hashed encrypted sha256 md5 bcrypt env vault file path prompt stdin stdout login auth
  authorization session cookie current new old confirm invalid missing expired valid incorrect wrong failed ok error
  secretstring securestring sensitive private public internal external auto automatic random generated abc123 xxx foo bar
  baz foobar notset unset self this data json yaml xml html get post put delete request response header headers body
  querystring param params`.split(/\s+/),
);
