import type { Refusal } from '@scrim/model';
import type { Texts } from '@scrim/protocol-kit';

/** How the messages of a streamed answer are parted on the wire. */
export type Framing = 'sse' | 'ndjson' | 'json-array';

/** What a request to a model says, read from its path and its whole body. */
export interface ModelRequest {
  readonly model: string | undefined;
  /** Names of the tools the caller offers. */
  readonly tools: readonly string[];
  /** Tool calls the messages say were made, with their arguments as the text that stands in the body. */
  readonly calls: readonly ToolCall[];
  /** Whether the answer comes as a stream of events. */
  readonly streams: boolean;
  /**
   * The prompts and everything else of the body as texts to mask on their way up; `rewrite` gives the whole body back
   * around them. One piece per text the caller wrote (`last` true), named by where it stands; the rest as one JSON piece.
   */
  readonly texts: Texts;
}

export interface ToolCall {
  readonly name: string;
  readonly arguments: string;
}

/** A whole answer. */
export interface WholeAnswer extends Texts {
  /** Tokens the vendor says the request and the answer took together; 0 when it does not say. */
  readonly tokens: number;
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
   * piece. The last one is the event itself; those before it are events of our own, which carry the tails held of texts
   * that end here and stand for no bytes of the target: their run is empty, and so is what `rewrite` gives when
   * nothing was held. All must be rewritten in order (`always`): later events are numbered by what became of them.
   * Throws when the event cannot be read: the answer is refused then, nothing of it passes unread.
   */
  event(bytes: Buffer): readonly Texts[];
  /** The stream came to its own end: the tails of what is still open. Not to be called when it broke off. */
  end(): readonly Texts[];
  /** Tokens the vendor says the request and the answer took together, as far as it said so; 0 before. */
  readonly tokens: number;
}

/** One vendor's way to talk to a model over HTTP. Pure: bytes in, texts out. */
export interface Dialect {
  readonly name: 'openai' | 'anthropic' | 'gemini' | 'ollama';
  /**
   * Undefined when the path carries no prompt (models, files): plain HTTP then.
   * `path` is the target's own, from its first slash, with its query.
   * Throws a RefusalError (SCRIM_UNPARSED) when it should carry one and cannot be read.
   */
  request(method: string, path: string, body: Buffer): ModelRequest | undefined;
  /** A whole (not streamed) answer, of success or of failure. Throws when it cannot be read. */
  answer(path: string, body: Buffer): WholeAnswer;
  /** How the events of a streamed answer are parted on the wire; undefined when the answer is no stream. */
  framing(contentType: string, path: string): Framing | undefined;
  reader(path: string, framing: Framing): AnswerReader;
  /** `streaming` = the answer has begun in this framing: the error comes as an event. */
  error(refusal: Refusal, streaming?: Framing): VendorError;
}
