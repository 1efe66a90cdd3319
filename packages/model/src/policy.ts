import { z } from 'zod';
import { resourceName } from './connection.ts';
import { parseDuration, parseSize } from './quantity.ts';

const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, 'write a number with a unit: 500ms, 30s, 10m, 1h, 7d');
const size = z
  .string()
  .refine((text) => parseSize(text) !== undefined, 'write a number with a unit: 64KiB, 1MiB, 2GB');

/** What replaces a sensitive value (DESIGN section 5 "operators"). */
export const operatorSpec = z.union([
  z.enum(['redact', 'hash', 'tokenise', 'null', 'fpe', 'partial']),
  z.strictObject({ redact: z.strictObject({ template: z.string().min(1).max(200) }) }),
  z.strictObject({
    partial: z.strictObject({
      keepFirst: z.int().min(0).exactOptional(),
      keepLast: z.int().min(0).exactOptional(),
      maskWith: z.string().length(1).exactOptional(),
    }),
  }),
  z.strictObject({ hash: z.strictObject({ length: z.int().min(16).max(48).exactOptional() }) }),
  z.strictObject({ tokenise: z.strictObject({ reversible: z.boolean().exactOptional() }) }),
  z.strictObject({ fpe: z.strictObject({ alphabet: z.enum(['digits', 'alphanumeric']).exactOptional() }) }),
]);
export type OperatorSpec = z.infer<typeof operatorSpec>;

export const maskRule = z.union([
  z.strictObject({ column: z.string().min(1), with: operatorSpec.default('redact') }),
  z.strictObject({ field: z.string().min(1), with: operatorSpec.default('redact') }),
  z.strictObject({ header: z.string().min(1), with: operatorSpec.default('redact') }),
  z.strictObject({ detect: z.array(z.string().min(1)).min(1), with: operatorSpec.default('redact') }),
  z.strictObject({
    pattern: z.strictObject({ name: resourceName, regex: z.string().min(1).max(1000) }),
    with: operatorSpec.default('redact'),
  }),
]);
export type MaskRule = z.infer<typeof maskRule>;

const sqlCondition = z.strictObject({
  statements: z.array(z.string().min(1)).min(1).optional(),
  effects: z
    .array(z.enum(['read', 'write', 'ddl', 'admin', 'session']))
    .min(1)
    .optional(),
  unbounded: z
    .array(z.enum(['update', 'delete']))
    .min(1)
    .optional(),
  tables: z.array(z.string().min(1)).min(1).optional(),
});

/** What is done to files over SFTP or scp. */
export const FILE_OPERATIONS = [
  'read',
  'write',
  'list',
  'stat',
  'remove',
  'rename',
  'mkdir',
  'rmdir',
  'link',
  'setstat',
] as const;

const shellCondition = z.strictObject({
  commands: z.array(z.string().min(1)).min(1).optional(),
  effects: z
    .array(z.enum(['read', 'write', 'privileged', 'network']))
    .min(1)
    .optional(),
});

/** When a guard fires. Conditions of one section are joined by AND, the entries of one list by OR. */
export const guardCondition = z.union([
  z.strictObject({ sql: sqlCondition }),
  z.strictObject({ shell: shellCondition }),
  z.strictObject({
    sftp: z.strictObject({
      operations: z.array(z.enum(FILE_OPERATIONS)).min(1).optional(),
      /** Absolute paths as the target resolves them; `*` stays within a folder, `**` does not. */
      paths: z.array(z.string().min(1)).min(1).optional(),
    }),
  }),
  z.strictObject({
    http: z.strictObject({
      methods: z.array(z.string().min(1)).min(1).optional(),
      path: z.string().min(1).optional(),
      /** By header name; the value is a glob. All must hold. */
      headers: z.record(z.string().min(1), z.string()).optional(),
      /** By JSON path or bare key of a JSON or form body; the value is a glob. All must hold. */
      body: z.record(z.string().min(1), z.string()).optional(),
      models: z.array(z.string().min(1)).min(1).optional(),
      /** Tools the request offers or calls; with `arguments`, calls alone, each argument by key with a glob. */
      tools: z
        .array(
          z.union([
            z.string().min(1),
            z.strictObject({
              name: z.string().min(1),
              arguments: z.record(z.string().min(1), z.string()).optional(),
            }),
          ]),
        )
        .min(1)
        .optional(),
    }),
  }),
  z.strictObject({ request: z.strictObject({ largerThan: size }) }),
  z.strictObject({
    response: z.strictObject({
      largerThan: size.optional(),
      blobLargerThan: size.optional(),
      detect: z.array(z.string().min(1)).min(1).optional(),
    }),
  }),
]);
export type GuardCondition = z.infer<typeof guardCondition>;

export const guardRule = z.strictObject({
  when: guardCondition,
  do: z.enum(['allow', 'warn', 'hold', 'block']),
  reason: z.string().min(1).max(500).optional(),
});
export type GuardRule = z.infer<typeof guardRule>;

/**
 * What becomes of a shell somebody types into. `refuse` = none is opened; `hold` = an approver opens it, and what is
 * typed is recorded, not guarded; `record` = the same without an approver; `lines` = every line is judged by the
 * `shell` guards before the target gets its Enter.
 */
export const interactiveMode = z.enum(['refuse', 'hold', 'record', 'lines']);
export type InteractiveMode = z.infer<typeof interactiveMode>;

export const policySchema = z.strictObject({
  name: resourceName,
  match: z
    .strictObject({
      labels: z.record(z.string().min(1), z.string()).optional(),
      groups: z.array(z.string().min(1)).min(1).optional(),
    })
    .default({}),
  mask: z.array(maskRule).default([]),
  /** Values a caller's own prompt was tokenised from are given back where the answer repeats their tokens. */
  restore: z.boolean().optional(),
  /** Of each caller on each connection, counted by the edge that serves it. */
  limits: z
    .strictObject({
      requestsPerMinute: z.int().min(1).optional(),
      tokensPerMinute: z.int().min(1).optional(),
      tokensPerDay: z.int().min(1).optional(),
    })
    .optional(),
  derived: z.enum(['mask', 'block']).default('mask'),
  predicates: z.enum(['allow', 'warn', 'hold', 'block']).default('allow'),
  /** Content no rule can look into (archives, images, unknown codings): refused unless a policy lets it pass. */
  uninspected: z.enum(['block', 'allow']).optional(),
  /** Destinations an SSH connection may be used to reach (`db.internal:5432`), as globs of `host:port`. */
  forward: z.array(z.string().min(1)).min(1).optional(),
  guard: z.array(guardRule).default([]),
  /**
   * What an interactive shell is to the callers the policy matches; absent = as CompiledPolicy.interactive says.
   */
  interactive: interactiveMode.exactOptional(),
  approve: z
    .strictObject({
      by: z.array(z.string().min(1)).min(1),
      quorum: z.int().min(1).max(20).default(1),
      expires: duration.default('10m'),
    })
    .optional(),
  /** Groups that may have the policy's reversible tokens opened. */
  detokenise: z.array(z.string().min(1)).min(1).optional(),
  record: z
    .strictObject({
      content: z
        .union([z.enum(['masked', 'none']), z.strictObject({ sealed: z.string().min(1) })])
        .default('masked'),
      /** Bytes of response content kept per operation; what was cut is counted in the session's coverage. */
      maxContent: size.default('1MiB'),
    })
    .default({ content: 'masked', maxContent: '1MiB' }),
});
/** Rules chosen by connection labels and caller groups (DESIGN section 1 "policy"). */
export type Policy = z.infer<typeof policySchema>;
