import type { Detector } from '../../scan/detector.ts';
import { EMAIL } from './email.ts';
import { FINANCE } from './finance.ts';
import { NATIONAL } from './national.ts';
import { NETWORK } from './network.ts';
import { PERSONAL } from './personal.ts';
import { PHONE_NUMBER } from './phone.ts';
import { WALLET } from './wallet.ts';

/** Every detector of the group `pii`. */
export const PII_DETECTORS: readonly Detector[] = [
  EMAIL,
  PHONE_NUMBER,
  ...FINANCE,
  ...NATIONAL,
  ...PERSONAL,
  WALLET,
  ...NETWORK,
];
