import type { HttpFacts, Statement } from '@scrim/model';
import { bodyEntries } from './body-facts.ts';
import type { CallerRequest } from './caller-request.ts';
import type { BodyKind } from './content-type.ts';
import type { ModelRequest } from './dialect/contract.ts';
import { headerMap, type RawHeaders } from './headers.ts';

/** Statements of bare requests kept, so that the same request is judged and masked for the record once. */
const MOST_KNOWN = 2_000;
const LONGEST_KNOWN = 512;

/** Builds what the pipeline judges of requests. */
export class Statements {
  readonly #known = new Map<string, Statement>();

  /** Of a request nobody asks more of than its line. */
  line(request: CallerRequest): Statement {
    const text = lineOf(request);
    const known = this.#known.get(text);
    if (known) return known;
    const statement = { verb: request.method, text, facts: factsOf(request) };
    if (text.length > LONGEST_KNOWN) return statement;
    this.#known.set(text, statement);
    if (this.#known.size > MOST_KNOWN) this.#known.delete(this.#known.keys().next().value as string);
    return statement;
  }

  /** Of a request with all it carries. `body` undefined = it was not read, and is judged as the worst. */
  whole(
    request: CallerRequest,
    headers: RawHeaders,
    body: Buffer | undefined,
    kind: BodyKind,
    model: ModelRequest | undefined,
  ): Statement {
    const entries = body && bodyEntries(body, kind);
    const facts: HttpFacts = {
      ...factsOf(request),
      headers: headerMap(headers),
      ...(entries ? { body: entries } : {}),
      ...(model ? modelFacts(model) : {}),
    };
    return { verb: request.method, text: lineOf(request), facts };
  }
}

function lineOf({ method, path, query }: CallerRequest): string {
  return `${method} ${path.sent}${query}`;
}

function factsOf({ method, path }: CallerRequest): HttpFacts {
  const others = path.others.length > 0 ? { otherPaths: path.others } : {};
  return { kind: 'http', method, path: path.read, ...others };
}

function modelFacts({ model, tools, calls }: ModelRequest): Partial<HttpFacts> {
  return { ...(model === undefined ? {} : { model }), tools, calls, transient: true };
}
