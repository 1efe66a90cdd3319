import { z } from 'zod';
import { connectionSchema } from './connection.ts';
import { machineIdentitySchema } from './machine-identity.ts';
import { policySchema } from './policy.ts';

/** A public key that tokens are verified with, as a JWK. */
const jwk = z.looseObject({ kty: z.string(), kid: z.string().optional(), alg: z.string().optional() });

/**
 * Everything one edge needs to serve without asking: the resource the policy stream distributes. The control plane
 * signs its canonical JSON; the edge refuses new sessions once `expiresAt` has passed (DESIGN section 2).
 */
export const snapshotSchema = z.strictObject({
  version: z.string().min(1),
  edgeId: z.string().min(1),
  issuedAt: z.int(),
  expiresAt: z.int(),
  connections: z.array(connectionSchema),
  policies: z.array(policySchema.extend({ version: z.int() })),
  tokens: z.strictObject({
    /** Keys of the control plane's own tokens. */
    scrim: z.array(jwk),
    issuers: z.array(
      z.strictObject({
        issuer: z.string(),
        audiences: z.array(z.string()).min(1),
        algorithms: z.array(z.string()).min(1),
        subjectClaim: z.string(),
        groupsClaim: z.string(),
        /** Claims copied into session attributes. */
        attributeClaims: z.array(z.string()),
        kind: z.enum(['person', 'machine']),
        /** Of an issuer of kind `machine`, tokens that fit none of these are refused. */
        machines: z.array(machineIdentitySchema).default([]),
        keys: z.array(jwk),
      }),
    ),
    /** Keys that sign SSH user certificates, as in an OpenSSH `.pub` file. */
    sshAuthorities: z.array(z.string()).exactOptional(),
    revoked: z.array(z.strictObject({ tokenId: z.string(), until: z.int() })),
  }),
  /** 32 bytes, base64: the key of hashes and deterministic tokens, the same on every edge. */
  maskingKey: z.string(),
  /** The public half of the key reversible tokens are sealed to (SPKI DER, base64); absent where there is no vault. */
  vault: z.strictObject({ keyId: z.string().min(1), publicKey: z.string().min(1) }).exactOptional(),
  queue: z.strictObject({ url: z.string(), prefix: z.string() }),
});
export type Snapshot = z.infer<typeof snapshotSchema>;
