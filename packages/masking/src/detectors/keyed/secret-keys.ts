/** Which keys name a password, and which a token, secret or API key. Both take the words of the key, lower case. */

const words = (text: string): Set<string> => new Set(text.split(/\s+/).filter((w) => w !== ''));

/** Words that turn a secret's key into something about the secret: its length, its name, where it is kept. */
const ABOUT = words(`
  policy policies length len count counts min max expiry expires expired expiration expire age reset url uri link path paths
  file filename dir directory field fields label hint placeholder type types name names id ids identifier enabled required changed
  updated created at on date time timestamp strength regex pattern validator validation valid validity form input page route prompt error
  errors message msg title text description help encoder encoding manager provider service store class ttl limit
  limits budget usage used total index offset position pos format algorithm alg version rotation rotate status
  state scope scopes permission permissions endpoint issuer audience host hostname port user username arn ref reference
  selector visible show hide toggle mode size num number attempts history lifetime duration seconds minutes hours days
  source kind method flow exchange grant parser tokenizer stream mounts mount volume map list ring role roles
  ratio rate cost price per window capacity bucket plan level last first next prev fingerprint thumbprint schema column
  table checker check generator factory handler helper util utils test tests suffix digest sha sha256 checksum parameter
  arg argument env variable var key-id keyid rules rule complexity blacklist denylist header headers retriever lookup event
  action change confirm-required options opts config settings settings-path support backend engine family model language lang vocab`);

const PASSWORD = words(`
  password passwd pwd passphrase passcode pw psw passwort pswd passw requirepass masterauth userpass userpassword
  dbpass dbpassword dbpwd rootpass adminpass mysqlpass pgpassword mysqlpwd redispass smtppass ftppass mailpass authpass
  ldappass mongopass postgrespass keypass storepass keystorepass truststorepass mypass loginpass sudopass vncpass wifipass
  bindpass sshpass pass psk contrasena motdepasse senha wachtwoord kennwort`);
const PASSWORD_TAIL = /(?:password|passwd|passphrase|passwort)$/;

const TOKEN_NOISE = words(`
  next page continuation sync cancel cancellation csrf xsrf start end eos bos pad unk stop special current sep cls mask resume
  previous prev prompt completion input output max min total image audio cached reasoning word sub first last begin delimiter
  separator lookahead operator invalid unexpected eof comma string number punctuation pagination cursor nextpage design idempotency
  fungible non erc20 nft request anti forgery antiforgery`);

const KEY_OF = words(`
  api xapi access secret private signing sign signature encryption encrypt encrypted decryption master account storage shared auth service
  subscription admin app application deploy client rsa ssh hmac aes jwt session cookie webhook consumer integration server
  write ingest ingestion live crypt fernet vapid merchant security stripe openai anthropic sendgrid mailgun twilio datadog cloudflare github gitlab
  aws azure google gemini slack heroku algolia mapbox sentry pagerduty newrelic okta auth0 vault tls ssl license base
  functions function ocp host machine user team project bot sandbox production prod staging dev wrapping unseal recovery ec dsa ed25519 wallet bearer`);
const KEY_NOISE = words(`
  public publishable pub primary foreign partition sort cache object row hash range group routing unique index map dict known
  idempotency composite surrogate natural config translation i18n lookup search json yaml arrow enter escape hot short press down up`);
const KEY_JOINED =
  /(?:api|access|secret|private|signing|encryption|master|shared|account|storage|auth|client|app|license|crypto|session)key$/;

/** `password` when the key names one; the words may be split or joined (`DB_PASSWORD`, `dbpassword`, `db.pass`). */
export function isPasswordKey(words: readonly string[]): boolean {
  const key = tellingWords(words);
  const last = key[key.length - 1];
  if (last === undefined) return false;
  if (last === 'passe') return key[key.length - 2] === 'de';
  if (last === 'by') return key[key.length - 2] === 'identified';
  if (last === 'pass') return key.length < 6 && !key.includes('boarding') && !key.includes('season');
  if (PASSWORD.has(last) || PASSWORD_TAIL.test(last)) return true;
  const previous = key[key.length - 2] ?? '';
  if (previous === 'authentication' || previous === 'auth') return last === 'string';
  return (
    (last === 'hash' ||
      last === 'confirmation' ||
      last === 'confirm' ||
      last === 'again' ||
      last === 'plain') &&
    (PASSWORD.has(previous) || PASSWORD_TAIL.test(previous))
  );
}

/** Whether the key names a token, a secret or an API key. */
export function isTokenKey(words: readonly string[]): boolean {
  const key = tellingWords(words);
  const last = key[key.length - 1];
  if (last === undefined) return false;
  const previous = key[key.length - 2] ?? '';
  if (last === 'token' || (last.endsWith('token') && last.length > 6))
    return !TOKEN_NOISE.has(previous) && !/^(?:next|page|continuation|csrf|xsrf|sync)/.test(last);
  if (last === 'secret' || last.endsWith('secret') || (last === 'secrets' && key.length > 1)) return true;
  if (last === 'key' || last === 'keys')
    return (
      (KEY_OF.has(previous) || KEY_JOINED.test(`${previous}key`)) && !key.some((word) => KEY_NOISE.has(word))
    );
  if (last === 'base' || last === 'data')
    return (
      previous === 'key' && (key.includes('secret') || key.includes('client') || key.includes('private'))
    );
  if (KEY_JOINED.test(last)) return !key.some((word) => KEY_NOISE.has(word));
  if (last === 'id') return previous === 'secret' || SESSION.has(previous);
  if (last === 'sessionid' || last === 'sessid') return true;
  if (last === 'value' || last === 'hex' || last === 'b64' || last === 'base64' || last === 'raw')
    return key.length > 2 && isTokenKey(key.slice(0, -1));
  if (last === 'apikey' || last === 'authkey' || last === 'jwt' || last === 'otpauth' || last === 'psk')
    return true;
  if (last === 'credential' || last === 'credentials') return true;
  if (last === 'authorization' || last === 'auth') return key.length < 3;
  if (last === 'totp' || last === 'otp' || last === 'mfa' || last === 'seed')
    return last !== 'seed' || previous === 'totp' || previous === 'otp' || previous === 'mfa';
  return false;
}

/**
 * The words of a key without what only numbers it or says where it is used (`API_KEY_2`, `TOKEN_STAGING`), so that the
 * last one says what the value is; none when the key is only about a secret.
 */
function tellingWords(key: readonly string[]): readonly string[] {
  let length = key.length;
  while (length > 1 && isMark(key[length - 1] as string)) length -= 1;
  const last = key[length - 1] ?? '';
  const owner = key[length - 2] ?? '';
  if (ABOUT.has(last) && !(last === 'id' && (owner === 'secret' || SESSION.has(owner)))) return [];
  if (DENIALS.has(key[0] ?? '')) return [];
  return [...key.slice(0, length - 1), last.replace(/\d+$/, '')];
}

const isMark = (word: string): boolean => NUMBERING.test(word) || ENVIRONMENT.has(word);
const DENIALS = words('no has is use require forgot');

const SESSION = words('session sess');

/** Whether the key names a session's id: who has the id has the session, yet most ids under such keys only count. */
export const isSessionKey = (key: readonly string[]): boolean => {
  const telling = tellingWords(key);
  const last = telling[telling.length - 1];
  return (
    last === 'sessionid' ||
    last === 'sessid' ||
    (last === 'id' && SESSION.has(telling[telling.length - 2] ?? ''))
  );
};

const NUMBERING = /^v?\d+$/;
const ENVIRONMENT = words(
  'prod production staging stage dev development test live sandbox old new current primary secondary backup',
);

/** Literals one of which every password key contains. */
export const PASSWORD_ANCHORS = [
  'identified',
  'pw:',
  'pw=',
  'pw"',
  'pw ',

  'pass',
  'pwd',
  'psw',
  'masterauth',
  'contrasena',
  'senha',
  'wachtwoord',
  'kennwort',
  'psk',
  'motdepasse',
];
/** Literals one of which every token key contains. */
export const TOKEN_ANCHORS = [
  'token',
  'secret',
  'key',
  'credential',
  'auth',
  'jwt',
  'totp',
  'otp',
  'mfa',
  'session_id',
  'session-id',
  'session id',
  'sessionid',
  'sessid',
];
