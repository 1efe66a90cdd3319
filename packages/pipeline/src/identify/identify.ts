import type { Caller, Secret } from '@scrim/model';

/**
 * Proves who a token speaks for, or who holds a certificate, without asking the control plane. With a certificate the
 * token is not looked at. Throws a RefusalError with a SCRIM_AUTH_ code; never repeats the token.
 */
export type Identify = (token: Secret, certificate?: Uint8Array) => Promise<Caller>;
