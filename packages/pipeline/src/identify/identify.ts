import type { Caller, Secret } from '@scrim/model';

/**
 * Proves who a token speaks for, without asking the control plane.
 * Throws a RefusalError with a SCRIM_AUTH_ code; never repeats the token.
 */
export type Identify = (token: Secret) => Promise<Caller>;
