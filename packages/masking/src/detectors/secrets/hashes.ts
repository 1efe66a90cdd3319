import type { Detector } from '../../scan/detector.ts';
import { token } from './token.ts';

/** Password hashes: guessable offline, so they count as the password. */
export const PASSWORD_HASH: Detector = token({
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
    '\\$argon2id\\$[A-Za-z0-9+/=,$-]{40,200}',
    '\\$argon2i\\$[A-Za-z0-9+/=,$-]{40,200}',
    '\\$argon2d\\$[A-Za-z0-9+/=,$-]{40,200}',
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
