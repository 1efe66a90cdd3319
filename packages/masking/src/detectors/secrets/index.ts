import type { Detector } from '../../scan/detector.ts';
import { AI } from './ai.ts';
import { CLOUD } from './cloud.ts';
import { CODE_HOSTS } from './code-hosts.ts';
import { COMMAND_LINE } from './commands.ts';
import { PASSWORD_HASH } from './hashes.ts';
import { AUTHORIZATION, COOKIE } from './headers.ts';
import { JWT } from './jwt.ts';
import { GENERIC, MNEMONIC, PASSWORD } from './keyed.ts';
import { KUBERNETES } from './kubernetes.ts';
import { PRIVATE_KEY } from './private-key.ts';
import { SERVICES } from './services.ts';
import { CONNECTION_STRING } from './uri.ts';

/** Every detector of the group `secrets`. */
export const SECRET_DETECTORS: readonly Detector[] = [
  ...CLOUD,
  ...CODE_HOSTS,
  ...AI,
  ...SERVICES,
  JWT,
  PRIVATE_KEY,
  CONNECTION_STRING,
  AUTHORIZATION,
  COOKIE,
  COMMAND_LINE,
  PASSWORD_HASH,
  KUBERNETES,
  PASSWORD,
  GENERIC,
  MNEMONIC,
];
