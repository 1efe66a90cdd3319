import { z } from 'zod';

/** Where a secret comes from. All but `value` are references that only the edge resolves (DESIGN rule 4.3). */
export const secretSource = z.union([
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ value: z.string().min(1) }),
  z.strictObject({ vault: z.string().min(1) }),
]);
export type SecretSource = z.infer<typeof secretSource>;

export const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** Names travel as database names, URL path parts and SSH users, so only what fits all of them is allowed. */
export const resourceName = z
  .string()
  .regex(NAME_PATTERN, 'use 1 to 63 lower-case letters, digits, - or _, starting with a letter or digit');

export const targetTls = z.union([
  z.enum(['disable', 'require', 'verify-full']),
  z.strictObject({ 'verify-full': z.strictObject({ ca: z.string().min(1) }) }),
]);
export type TargetTls = z.infer<typeof targetTls>;

const labels = z.record(z.string().min(1), z.string());

const postgresConnection = z.strictObject({
  name: resourceName,
  protocol: z.literal('postgres'),
  target: z.strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65535).default(5432),
    database: z.string().min(1),
    /** Other databases of the same server a caller may name as `name/otherdb`. */
    databases: z.array(z.string().min(1)).optional(),
    tls: targetTls.default('verify-full'),
  }),
  credential: z.strictObject({ username: z.string().min(1), password: secretSource }),
  labels: labels.default({}),
  edges: z.array(z.string()).optional(),
});

const httpConnection = z.strictObject({
  name: resourceName,
  protocol: z.literal('http'),
  target: z.strictObject({
    url: z.url(),
    dialect: z.enum(['openai', 'anthropic', 'gemini', 'ollama']).optional(),
    /** How an https target proves itself; `require` takes any certificate. */
    tls: targetTls.optional(),
    /** JSON bodies are masked on their way to the target, too; a dialect's prompts always are. */
    maskRequests: z.boolean().optional(),
  }),
  credential: z
    .strictObject({ header: z.string().min(1), value: secretSource, prefix: z.string().optional() })
    .optional(),
  labels: labels.default({}),
  edges: z.array(z.string()).optional(),
});

const sshConnection = z.strictObject({
  name: resourceName,
  protocol: z.literal('ssh'),
  target: z.strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65535).default(22),
    /** The key the target must prove: a known_hosts line without the host, or `SHA256:…`. */
    hostKey: z.string().min(1),
  }),
  credential: z.strictObject({
    username: z.string().min(1),
    password: secretSource.optional(),
    privateKey: secretSource.optional(),
    /** Opens an encrypted private key. */
    passphrase: secretSource.optional(),
  }),
  labels: labels.default({}),
  edges: z.array(z.string()).optional(),
});

/** A registered target (DESIGN section 1 "connection"). */
export const connectionSchema = z.discriminatedUnion('protocol', [
  postgresConnection,
  httpConnection,
  sshConnection,
]);
export type Connection = z.infer<typeof connectionSchema>;
export type PostgresConnection = z.infer<typeof postgresConnection>;
export type HttpConnection = z.infer<typeof httpConnection>;
export type ProtocolName = Connection['protocol'];
