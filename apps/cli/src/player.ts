import { type Row, table } from './output.ts';

/** One line of a replay, as `GET /v1/sessions/{id}/replay` sends it. */
export interface ReplayItem {
  readonly kind: string;
  readonly at: string | number;
  readonly [field: string]: unknown;
}

type Say = (line: string) => void;

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A recorded terminal must not move the cursor of the one it is read in. */
function visible(shown: string): string {
  return shown.replace(/\n$/, '').replace(/[\p{Cc}\p{Cf}]/gu, (it) => JSON.stringify(it).slice(1, -1));
}

/** What a person wants to know of each kind of event; kinds without an entry are told whole. */
const TELL: Readonly<Record<string, (item: ReplayItem) => string>> = {
  opened: ({ caller, connection, claimedName }) => {
    const { subject, groups } = (caller ?? {}) as { subject?: string; groups?: readonly string[] };
    return `${subject} (${groups?.join(', ') ?? ''}) on ${text(connection)}, calling itself ${text(claimedName)}`;
  },
  operation: ({ text: statement, verdict, rule }) =>
    `${text(statement)}${verdict === 'allow' ? '' : `   [${text(verdict)} by ${text(rule)}]`}`,
  outcome: ({ tag }) => text(tag),
  masked: ({ count, place, rule }) => `${text(count)} values of ${text(place)} by ${text(rule)}`,
  held: ({ rule, reason }) => `by ${text(rule)}${reason ? `: ${text(reason)}` : ''}`,
  decided: ({ state, by }) => `${text(state)}${by ? ` by ${text(by)}` : ''}`,
  refused: ({ code, message }) => `${text(code)}: ${text(message)}`,
  fields: ({ severity, fields }) =>
    `${text(severity)}: ${text((fields as Record<string, unknown> | undefined)?.message ?? fields)}`,
  text: ({ channel, text: shown }) =>
    `${channel === undefined ? '' : `${text(channel)}: `}${visible(text(shown))}`,
  coverage: ({ inspected, blind }) => `${text(inspected)} bytes inspected, ${text(blind)} passed blind`,
  closed: ({ ending }) => text(ending),
};

/** Plays a session for people: one line an event, rows of one result gathered into a table. */
export class Player {
  readonly #say: Say;
  #columns: readonly string[] = [];
  #rows: Row[] = [];

  constructor(say: Say) {
    this.#say = say;
  }

  play(item: ReplayItem): void {
    if (item.kind === 'row') {
      const values = (item.values as (string | null)[]) ?? [];
      this.#rows.push(
        Object.fromEntries(this.#columns.map((name, index) => [name, values[index] ?? 'NULL'])),
      );
      return;
    }
    // Settings the server reports at every start say nothing about what the caller did.
    if (item.kind === 'fields' && item.severity === 'SET') return;
    this.finish();
    if (item.kind === 'columns') {
      this.#columns = (item.names as string[]) ?? [];
      return;
    }
    const { kind, at, seq: _seq, ...rest } = item;
    const time = new Date(at).toISOString().slice(11, 23);
    this.#say(`${time}  ${kind.padEnd(9)}  ${TELL[kind]?.(item) ?? JSON.stringify(rest)}`);
  }

  /** Prints what is still gathered; call it after the last item. */
  finish(): void {
    const rows = this.#rows;
    this.#rows = [];
    if (rows.length === 0) return;
    for (const line of table(rows, this.#columns).split('\n')) this.#say(`                         ${line}`);
  }
}
