import { Failure } from './failure.ts';
import { currentLogin, type Login } from './login.ts';

/** A problem as the control plane words it (RFC 9457 plus `mend`). */
interface ProblemBody {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly mend?: string;
  readonly problems?: readonly { readonly path?: string; readonly message: string; readonly mend?: string }[];
}

const TIMEOUT_MS = 30_000;

function mendFor(status: number, body: ProblemBody): string | undefined {
  if (body.mend) return body.mend;
  if (status === 401) return 'the token is wrong or expired: set SCRIM_TOKEN, or log in again';
  if (status === 403) return 'your roles do not allow this; ask an administrator';
  return undefined;
}

async function failureOf(response: Response): Promise<Failure> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  const lines = [body.detail ?? body.title ?? `the control plane answered ${response.status}`];
  for (const problem of body.problems ?? []) {
    lines.push(
      `  ${problem.path ? `${problem.path}: ` : ''}${problem.message}${problem.mend ? `; ${problem.mend}` : ''}`,
    );
  }
  return new Failure(lines.join('\n'), mendFor(response.status, body));
}

/** The control plane's REST API, as the logged-in user. */
export class Api {
  readonly #login: Login;

  constructor(login: Login = currentLogin()) {
    this.#login = login;
  }

  /** Answers of at most 30 s; throws a Failure in the control plane's own words. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, body, AbortSignal.timeout(TIMEOUT_MS));
    if (response.status === 204) return undefined as T;
    return (await response.json()) as T;
  }

  /** A long answer, line by line (JSON lines). */
  async *lines(path: string): AsyncGenerator<string> {
    const response = await this.#fetch('GET', path, undefined, undefined);
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line) yield line;
    }
    if (rest) yield rest;
  }

  async #fetch(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const response = await fetch(this.#login.api + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#login.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    }).catch((error: Error & { cause?: { code?: string } }) => {
      const why = error.cause?.code ?? error.name;
      throw new Failure(
        `the control plane at ${this.#login.api} does not answer (${why})`,
        'is it running? check SCRIM_API, or start one with `scrim up -f scrim.yaml`',
      );
    });
    if (!response.ok) throw await failureOf(response);
    return response;
  }
}
