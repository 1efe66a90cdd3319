/**
 * What a session looked like to its caller, decoded from a recording: the input of replay. A protocol provides a
 * `Transcriber` at its `./transcript` subpath; replay never needs the live codec.
 */
export type TranscriptItem =
  | { readonly kind: 'columns'; readonly names: readonly string[] }
  | { readonly kind: 'row'; readonly values: readonly (string | null)[] }
  | { readonly kind: 'fields'; readonly severity: string; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'text'; readonly text: string; readonly channel?: string }
  | { readonly kind: 'outcome'; readonly ok: boolean; readonly tag: string; readonly count: number | null };

/** Decodes recorded response bytes of one session in order; keeps the state it needs (the current columns). */
export interface Transcriber {
  /** `shape`: the column description in the protocol's own recorded form, before its rows. */
  shape(description: Uint8Array): TranscriptItem[];
  /** Response bytes as the caller received them: whole messages. */
  response(bytes: Uint8Array): TranscriptItem[];
  /** Bytes the caller sent as texts, as the target received them. */
  request?(bytes: Uint8Array): TranscriptItem[];
}
