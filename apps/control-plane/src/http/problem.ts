import { z } from 'zod';

/** Every way the API says no: HTTP status and the sentence that is its title. docs/api.md has a row for each. */
export const API_PROBLEMS = {
  SCRIM_API_MALFORMED: [400, 'the request cannot be read'],
  SCRIM_API_INVALID: [422, 'the request has wrong values'],
  SCRIM_API_UNAUTHENTICATED: [401, 'the request does not prove who sends it'],
  SCRIM_API_FORBIDDEN: [403, 'the caller may not do this'],
  SCRIM_API_NOT_FOUND: [404, 'there is no such thing'],
  SCRIM_API_CONFLICT: [409, 'the request does not fit the present state'],
  SCRIM_API_VERSION_CONFLICT: [409, 'the resource was changed meanwhile'],
  SCRIM_API_UNENFORCEABLE: [422, 'an edge could not enforce this'],
  SCRIM_API_TOO_LARGE: [413, 'the request is too large'],
  SCRIM_API_MEDIA_TYPE: [415, 'the request has a content type this route does not take'],
  SCRIM_API_RATE_LIMITED: [429, 'too many requests'],
  SCRIM_API_INTERNAL: [500, 'the control plane failed'],
  SCRIM_API_UPSTREAM: [502, 'a system this request depends on gave a wrong answer'],
  SCRIM_API_UNAVAILABLE: [503, 'the control plane cannot serve this now'],
} as const;
export type ApiProblemCode = keyof typeof API_PROBLEMS;

/** One wrong place in a request body, parameter or document. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
  readonly mend?: string;
}

export interface ProblemDetails {
  /** What exactly is wrong, in one sentence without a full stop. Never quotes a secret. */
  readonly detail: string;
  /** What to do about it. */
  readonly mend?: string;
  /** The one field at fault, when there is one. */
  readonly field?: string;
  readonly problems?: readonly FieldProblem[];
}

/** Thrown by services, answered as problem+json (RFC 9457) by the server's error handler. */
export class ApiError extends Error {
  readonly code: ApiProblemCode;
  readonly details: ProblemDetails;

  constructor(code: ApiProblemCode, details: ProblemDetails, cause?: unknown) {
    super(`${code}: ${details.detail}`, cause === undefined ? undefined : { cause });
    this.name = 'ApiError';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return API_PROBLEMS[this.code][0];
  }
}

/** There is no `kind` called `name`. */
export function notFound(kind: string, name: string): ApiError {
  return new ApiError('SCRIM_API_NOT_FOUND', { detail: `there is no ${kind} "${name}"` });
}

/** A value the schema could not judge by itself. */
export function invalid(field: string, detail: string, mend?: string): ApiError {
  const problem = { path: field, message: detail, ...(mend !== undefined && { mend }) };
  return new ApiError('SCRIM_API_INVALID', {
    detail: `${field}: ${detail}`,
    field,
    problems: [problem],
    ...(mend !== undefined && { mend }),
  });
}

export const problemSchema = z
  .object({
    type: z.string().describe('urn:scrim:problem:<code>'),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('stable; safe to branch on'),
    detail: z.string(),
    instance: z.string().describe('the request id, to quote to an administrator'),
    mend: z.string().optional().describe('what to do about it'),
    field: z.string().optional(),
    problems: z
      .array(z.object({ path: z.string(), message: z.string(), mend: z.string().optional() }))
      .optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

/** The answer's body for an error. */
export function problemBody(error: ApiError, requestId: string): Problem {
  const [status, title] = API_PROBLEMS[error.code];
  const { detail, mend, field, problems } = error.details;
  return {
    type: `urn:scrim:problem:${error.code}`,
    title,
    status,
    code: error.code,
    detail,
    instance: requestId,
    ...(mend !== undefined && { mend }),
    ...(field !== undefined && { field }),
    ...(problems !== undefined && { problems: problems.map((problem) => ({ ...problem })) }),
  };
}
