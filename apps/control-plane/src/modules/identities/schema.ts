import { claimConditionsSchema, resourceName } from '@scrim/model';
import { z } from 'zod';
import { ROLES } from '../../auth/principal.ts';
import { pageQuery } from '../../http/page.ts';

/** A subject: an e-mail address or a machine's name. No control characters: it stands in logs and tables. */
export const subject = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[\x21-\x7e\u00a1-\uffff]+$/, 'use no spaces or control characters');
export const groupName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}]+$/u, 'use no control characters');
const claimName = z.string().min(1).max(200);

/** With a symmetric algorithm the provider's public key would be the signing key. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export const issuerSpec = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .max(1000)
      .describe('exactly as the `iss` claim has it'),
    audiences: z
      .array(z.string().min(1).max(500))
      .min(1)
      .max(50)
      .describe('accepted `aud` values, usually client ids'),
    algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256', 'ES256']),
    subjectClaim: claimName.default('email'),
    groupsClaim: claimName.default('groups').describe('a dotted path reaches into objects'),
    attributeClaims: z.array(claimName).max(32).default([]).describe('claims kept with the session'),
    kind: z.enum(['person', 'machine']).default('person').describe('whom this provider vouches for'),
  })
  .meta({ id: 'IssuerSpec' });
export type IssuerSpec = z.infer<typeof issuerSpec>;

export const issuerView = z
  .object({
    ...issuerSpec.shape,
    version: z.int(),
    keys: z.int().describe('public keys known now'),
    jwksFetchedAt: z.iso.datetime().optional(),
    jwksError: z.string().optional().describe('why the last fetch failed; the keys before it are still used'),
  })
  .meta({ id: 'Issuer' });
export type IssuerView = z.infer<typeof issuerView>;
export const issuerQuery = z.object({ url: z.string().min(1).max(1000) });

export const machineSpec = z
  .strictObject({
    name: resourceName,
    issuer: z.string().min(1).max(1000).describe('url of a configured issuer'),
    conditions: claimConditionsSchema.describe(
      'claim -> value, or a list of which one is enough; `*` stands for any characters; all must hold',
    ),
    groups: z.array(groupName).min(1).max(100),
  })
  .meta({ id: 'MachineIdentitySpec' });
export type MachineSpec = z.infer<typeof machineSpec>;
export const machineView = z
  .object({ ...machineSpec.shape, version: z.int() })
  .meta({ id: 'MachineIdentity' });
export type MachineView = z.infer<typeof machineView>;
export const machineParams = z.object({ name: resourceName });

export const apiKeySpec = z
  .strictObject({
    name: z.string().min(1).max(100).describe('what it is for'),
    subject,
    groups: z.array(groupName).max(100).default([]),
    roles: z.array(z.enum(ROLES)).max(4).default([]).describe('besides those bound to its groups'),
    ttlSeconds: z.int().min(60).max(315_360_000).optional().describe('absent = until revoked'),
  })
  .meta({ id: 'ApiKeySpec' });
export type ApiKeySpec = z.infer<typeof apiKeySpec>;
export const apiKeyView = z
  .object({
    id: z.uuid(),
    prefix: z.string(),
    name: z.string(),
    subject: z.string(),
    groups: z.array(z.string()),
    roles: z.array(z.string()),
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
    expiresAt: z.iso.datetime().optional(),
    revokedAt: z.iso.datetime().optional(),
    lastUsedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKeyView = z.infer<typeof apiKeyView>;
export const newApiKeyView = apiKeyView
  .extend({ key: z.string().describe('shown this once') })
  .meta({ id: 'NewApiKey' });
export const idParams = z.object({ id: z.uuid() });

export const roleBinding = z
  .strictObject({ group: groupName, role: z.enum(ROLES) })
  .meta({ id: 'RoleBinding' });
/** The same without a name: a query's members cannot be a reference. */
export const roleBindingQuery = z.strictObject(roleBinding.shape);
export type RoleBindingView = z.infer<typeof roleBinding>;

const connections = z.array(resourceName).max(50);
const ttlSeconds = z.int().min(1).max(31_536_000);

export const tokenSpec = z
  .strictObject({
    subject: subject.optional().describe('absent = yourself'),
    groups: z
      .array(groupName)
      .max(100)
      .optional()
      .describe('absent = your own; for yourself only groups you are in'),
    connections: connections.optional().describe('absent or empty = any that a policy opens to the caller'),
    kind: z.enum(['person', 'machine']).optional(),
    ttlSeconds: ttlSeconds.default(3600),
  })
  .meta({ id: 'TokenSpec' });
export type TokenSpec = z.infer<typeof tokenSpec>;

export const certificateSpec = z
  .strictObject({
    ...tokenSpec.shape,
    publicKey: z.string().min(40).max(8_192).describe('line of an OpenSSH .pub file'),
  })
  .meta({ id: 'SshCertificateSpec' });
export type CertificateSpec = z.infer<typeof certificateSpec>;

export const exchangeSpec = z
  .strictObject({
    token: z.string().min(20).max(16_384).describe('ID token (or JWT access token) of a configured issuer'),
    connections: connections.optional(),
    ttlSeconds: ttlSeconds.default(3600),
  })
  .meta({ id: 'TokenExchange' });
export type ExchangeSpec = z.infer<typeof exchangeSpec>;

export const newToken = z
  .object({
    token: z.string().describe('shown this once; at most 512 bytes'),
    tokenId: z.string(),
    expiresAt: z.iso.datetime(),
    subject: z.string(),
    groups: z.array(z.string()),
    connections: z.array(z.string()),
  })
  .meta({ id: 'NewToken' });
export type NewToken = z.infer<typeof newToken>;

export const newCertificate = z
  .object({
    certificate: z.string().describe('line of an OpenSSH -cert.pub file'),
    tokenId: z.string().describe('by which it is revoked, like a token'),
    expiresAt: z.iso.datetime(),
    subject: z.string(),
    groups: z.array(z.string()),
    connections: z.array(z.string()),
  })
  .meta({ id: 'NewSshCertificate' });
export type NewCertificate = z.infer<typeof newCertificate>;

export const tokenView = z
  .object({
    tokenId: z.string(),
    subject: z.string(),
    kind: z.string(),
    groups: z.array(z.string()),
    connections: z.array(z.string()),
    issuedBy: z.string(),
    issuedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'IssuedToken' });
export type TokenView = z.infer<typeof tokenView>;
export const tokenParams = z.object({ tokenId: z.string().min(1).max(256) });
export const tokenQuery = pageQuery.extend({ subject: z.string().max(256).optional() });
export const revokedView = z
  .object({
    tokenId: z.string(),
    until: z.iso.datetime().describe('when the token expires by itself'),
    announced: z.boolean().describe('false = Redis was away: edges hear of it with their next snapshot'),
  })
  .meta({ id: 'RevokedToken' });
export type RevokedView = z.infer<typeof revokedView>;
