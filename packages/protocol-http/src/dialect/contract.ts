import type { Refusal } from '@scrim/model';
import type { Texts } from '@scrim/protocol-kit';

/** What a request to a model says, read from its path and its whole body. */
export interface ModelRequest {
  readonly model: string | undefined;
  /** Names of the tools the caller offers, and of those its messages say were called, with their arguments as text. */
  readonly tools: readonly string[];
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  /** Whether the answer comes as a stream of events. */
  readonly streams: boolean;
  /**
   * The prompts and everything else of the body as texts to mask on their way up; `rewrite` gives the whole body back
   * around them. One piece per string the caller wrote (`last` true), named by where it stands; the rest as one JSON piece.
   */
  readonly texts: Texts;
}

/** A message for the caller in the vendor's own error shape, so that its SDK raises the proper error class. */
export interface VendorError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Reads the events of one streamed answer in order; keeps which blocks, choices and tool calls are open. */
export interface AnswerReader {
  /**
   * The texts of the next whole event, exactly as it stood on the wire with its terminator: deltas as pieces of a
   * channel per choice, content part and tool call (tool arguments: form `json`), the rest of the event as one `json`
   * piece. A block's end gives first an event of the same kind that can carry the held tail.
   * Throws when the event cannot be read: the answer is refused then, nothing of it passes unread.
   */
  event(bytes: Buffer): readonly Texts[];
  /** The stream is over: what still ends open channels. */
  end(): readonly Texts[];
}

/** One vendor's way to talk to a model over HTTP. Pure: bytes in, texts out. */
export interface Dialect {
  readonly name: 'openai' | 'anthropic' | 'gemini' | 'ollama';
  /**
   * Undefined when the path carries no prompt (models, files): plain HTTP then.
   * Throws when it should carry one and cannot be read: refused.
   */
  request(method: string, path: string, body: Buffer): ModelRequest | undefined;
  /** A whole (not streamed) answer as texts. Throws when it cannot be read. */
  answer(path: string, body: Buffer): Texts;
  /** How the events of a streamed answer are parted on the wire. */
  framing(contentType: string, path: string): 'sse' | 'ndjson' | 'json-array';
  reader(path: string): AnswerReader;
  /** `streaming` = the answer has begun: the error comes as an event. */
  error(refusal: Refusal, streaming: boolean): VendorError;
}
