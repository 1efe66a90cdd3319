/** What a model says, cut into deltas as a test wants it. */
export interface Script {
  /** The words, delta by delta. */
  readonly text?: readonly string[];
  readonly thinking?: readonly string[];
  readonly refusal?: readonly string[];
  /** One tool call: its arguments as JSON, delta by delta. */
  readonly tool?: { readonly name: string; readonly arguments: readonly string[] };
  /** Further choices of a chat completion, interleaved with the first. */
  readonly more?: readonly (readonly string[])[];
  readonly logprobs?: boolean;
  /** Stops where the model ran out of tokens: a tool call may be cut off. */
  readonly cutOff?: boolean;
  /** Milliseconds between events. */
  readonly pace?: number;
  /** After so many events the stream says that it failed. */
  readonly failAfter?: number;
}

/** Base64 the vendors sign thoughts with. */
export const SIGNATURE = `EqQBCkYIBxgCKkB${'q3Zr9+/'.repeat(12)}Aw==`;
export const USAGE = { input: 11, output: 7 };

export type Answer =
  | { readonly whole: unknown }
  | { readonly type: string; readonly events: readonly string[]; readonly failure: string };

export const SSE = 'text/event-stream; charset=utf-8';

export const VECTOR = [-0.006929283495992422, -0.005336422007530928, 4111111111111111, 0.0001];
export const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
export const named = (value: { type: string }) => `event: ${value.type}\n${data(value)}`;
export const whole = (parts: readonly string[] | undefined) => (parts ? parts.join('') : '');
