import { byteClass } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import { token } from './token.ts';

/** PHC string format, with and without the version. */
const argon2 = (name: string): readonly string[] =>
  ['v=\\d{1,3}\\$', ''].map(
    (version) =>
      `\\$${name}\\$${version}m=\\d{1,10},t=\\d{1,6},p=\\d{1,4}\\$[A-Za-z0-9+/]{8,88}[=]{0,2}\\$[A-Za-z0-9+/]{16,128}[=]{0,2}`,
  );

/** Password hashes: guessable offline, so they count as the password. */
const FORMATS: Detector = token({
  id: 'password-hash',
  description: 'Password hashes: crypt(3) families, argon2, scrypt, SCRAM, LDAP and framework formats',
  source: 'https://passlib.readthedocs.io/en/stable/modular_crypt_format.html',
  rank: 88,
  boundary: false,
  check: () => true,
  patterns: [
    '\\$2a\\$\\d{2}\\$[./A-Za-z0-9]{53}',
    '\\$2b\\$\\d{2}\\$[./A-Za-z0-9]{53}',
    '\\$2y\\$\\d{2}\\$[./A-Za-z0-9]{53}',
    ...argon2('argon2id'),
    ...argon2('argon2i'),
    ...argon2('argon2d'),
    '\\$1\\$[./A-Za-z0-9]{1,8}\\$[./A-Za-z0-9]{22}',
    '\\$apr1\\$[./A-Za-z0-9]{1,8}\\$[./A-Za-z0-9]{22}',
    '\\$5\\$[./A-Za-z0-9=$]{44,100}',
    '\\$6\\$[./A-Za-z0-9=$]{86,130}',
    '\\$y\\$[./A-Za-z0-9$]{50,140}',
    '\\$7\\$[./A-Za-z0-9$]{50,140}',
    '\\$scrypt\\$[A-Za-z0-9+/=,$-]{40,200}',
    '\\$pbkdf2[\\w-]{0,10}\\$[A-Za-z0-9+/=.,$]{30,200}',
    'SCRAM-SHA-256\\$\\d{3,7}:[A-Za-z0-9+/=]{8,64}\\$[A-Za-z0-9+/=]{40,64}:[A-Za-z0-9+/=]{40,64}',
    'pbkdf2_sha256\\$\\d{3,8}\\$[\\w./+=-]{4,40}\\$[A-Za-z0-9+/=]{40,64}',
    'pbkdf2:sha256:\\d{3,8}\\$[\\w./+=-]{4,40}\\$[0-9a-f]{64}',
    'scrypt:\\d{3,8}:\\d:\\d\\$[\\w./+=-]{4,40}\\$[0-9a-f]{64,128}',
    'md5[0-9a-f]{32}',
    '\\{SSHA\\}[A-Za-z0-9+/=]{28,60}',
    '\\{SHA\\}[A-Za-z0-9+/=]{28}',
    '\\{SSHA256\\}[A-Za-z0-9+/=]{40,80}',
    '\\{SSHA512\\}[A-Za-z0-9+/=]{80,140}',
    '\\{CRYPT\\}[./A-Za-z0-9$=]{13,140}',
  ],
  negative: ['costs $2a dozen', 'echo $1$2', 'awk prints $5$6'],
});

const LINE = byteClass('^\\n');

/** MySQL's `*` and forty capital hex digits: only beside the word that says so. */
const mysqlHash: Verifier = (view, at, found) => {
  const rest = view.text(at, view.run(LINE, at, 200));
  const match =
    /^[^*\n]{1,120}(?:AS|BY(?: PASSWORD)?|[|,\t:=]) *['"]?(?=\*[0-9A-F]{40}(?![0-9A-Za-z]))/i.exec(rest);
  if (match) found.add(at + match[0].length, at + match[0].length + 41);
};

export const PASSWORD_HASH: Detector = {
  ...FORMATS,
  literals: [
    ...(FORMATS.literals ?? []),
    { anchors: ['mysql_native_password', 'identified by', 'authentication_string'], verify: mysqlHash },
  ],
};
