/** Why a request failed, in the control plane's words: what is wrong and how to mend it. */
export class ApiFailure extends Error {
  /** HTTP status; 0 = the control plane could not be reached. */
  readonly status: number;
  readonly code: string;
  readonly mend: string | undefined;

  constructor(status: number, code: string, detail: string, mend?: string) {
    super(detail);
    this.name = 'ApiFailure';
    this.status = status;
    this.code = code;
    this.mend = mend;
  }
}

const AWAY = new ApiFailure(
  0,
  'away',
  'the control plane does not answer',
  'it is asked again until it does',
);

async function failureOf(response: Response): Promise<ApiFailure> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const detail = text(body.detail) ?? `the control plane answered ${response.status}`;
  return new ApiFailure(response.status, text(body.code) ?? '', detail, text(body.mend));
}

/** A query string of what is not empty, with its question mark. */
export function queryText(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/** The REST API as one person. Addresses are relative to the console's own, so a path prefix in front does no harm. */
export class Api {
  readonly #token: string;
  readonly #rejected: () => void;

  /** `rejected` is called when the token no longer holds. */
  constructor(token: string, rejected: () => void) {
    this.#token = token;
    this.#rejected = rejected;
  }

  /** Throws {@link ApiFailure}, or the AbortError of `signal`. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await this.#send('GET', path, undefined, signal);
    return (await response.json()) as T;
  }

  /** Throws {@link ApiFailure}. */
  async post<T>(path: string, body: unknown): Promise<T> {
    const response = await this.#send('POST', path, body);
    return (await response.json()) as T;
  }

  /** JSON lines as they arrive. Not reading on stops the control plane from reading on as well. */
  async *lines<T>(path: string, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    const response = await this.#send('GET', path, undefined, signal);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const parts = (rest + decoder.decode(value, { stream: true })).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) if (part !== '') yield JSON.parse(part) as T;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
    // A stream that breaks off must not look like one that ended.
    if (rest !== '') throw new ApiFailure(0, 'cut', 'the replay broke off', 'load the page again');
  }

  async #send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const response = await fetch(`..${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw AWAY;
    });
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (failure.status === 401) this.#rejected();
    throw failure;
  }
}
