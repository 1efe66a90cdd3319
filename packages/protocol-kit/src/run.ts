import type { Statement } from '@scrim/model';
import type { Fields, Rows, Shape, TextForm, Texts } from './content.ts';

/** What a run of messages means to the pipeline. A closed union: a codec that cannot read says `unknown`. */
export type Meaning =
  /** Carries neither the caller's nor the target's data (flow control, describe, sync): passes. */
  | { readonly kind: 'control' }
  /** The caller names a statement without running it yet (Parse): guards that block may answer now. */
  | { readonly kind: 'preparation'; readonly statement: Statement }
  /** The caller runs a statement. */
  | {
      readonly kind: 'operation';
      readonly statement: Statement;
      /** Text of each parameter, null for NULL; called only by who needs it (approval, recording). */
      readonly parameters: (() => readonly (string | null)[]) | null;
      /** How parameters are read for masking; absent = plain text. */
      readonly parameterForm?: TextForm;
    }
  /** Data the caller sends outside statements, which the target must get as it is (COPY in, stdin, a body). */
  | {
      readonly kind: 'input';
      readonly bytes: number;
      /** The data without the protocol's framing, one piece behind the other; absent = the run's own bytes. */
      readonly data?: () => Buffer;
    }
  /** The columns of the rows that follow. */
  | { readonly kind: 'shape'; readonly shape: Shape }
  | { readonly kind: 'rows'; readonly rows: Rows }
  | { readonly kind: 'fields'; readonly fields: Fields }
  /** Texts that flow to the caller, or from the caller to a target that shall not read secrets (a prompt). */
  | { readonly kind: 'texts'; readonly texts: Texts }
  /** Content nothing can look into (an image, an unknown coding): `why` names it for coverage. Policy decides. */
  | { readonly kind: 'opaque'; readonly why: string }
  /** Ends an operation. `count` = rows affected or returned, null where the wire does not say. */
  | {
      readonly kind: 'outcome';
      readonly ok: boolean;
      readonly count: number | null;
      readonly tag: string;
      /** Tokens of a model the operation took, as its vendor counts them. */
      readonly tokens?: number;
    }
  /** The codec cannot read it: refused, never passed (DESIGN rule 4.1). `why` goes to the event, not the caller. */
  | { readonly kind: 'unknown'; readonly why: string };

/**
 * A run of same-kind messages as they arrived in one chunk: the seam's unit of work. `bytes` is a view of the
 * received buffer, and an untouched run leaves as that very view, so nothing is allocated per message.
 */
export interface Run {
  /** Order holds inside a lane: 0 for PostgreSQL, the channel for SSH, the stream for HTTP/2. */
  readonly lane: number;
  readonly bytes: Buffer;
  readonly meaning: Meaning;
}
