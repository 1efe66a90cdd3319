import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplayItem } from './player.ts';

/** Pauses longer than this are cut short when a session is played. */
const LONGEST_PAUSE_MS = 2_000;
const SHOWN: ReadonlySet<unknown> = new Set(['stdout', 'stderr']);

interface TerminalEvent {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly kind: 'o' | 'r';
  readonly text: string;
}

/** What terminals of the session showed, in order. Commands without one get the carriage returns a terminal adds. */
async function* terminalEvents(items: AsyncIterable<ReplayItem>): AsyncGenerator<TerminalEvent> {
  const terminals = new Set<unknown>();
  for await (const { kind, at, text, channel, lane } of items) {
    if (kind !== 'text' || typeof text !== 'string') continue;
    const time = new Date(at).getTime();
    if (channel === 'resize') {
      terminals.add(lane);
      yield { at: time, kind: 'r', text };
    } else if (SHOWN.has(channel)) {
      yield { at: time, kind: 'o', text: terminals.has(lane) ? text : text.replace(/\r?\n/g, '\r\n') };
    }
  }
}

function sizeOf(text: string): { width: number; height: number } {
  const [width = 0, height = 0] = text.split('x').map(Number);
  return { width: width || 80, height: height || 24 };
}

/** Lines of an asciicast v2 file (docs.asciinema.org/manual/asciicast/v2): a header, then `[seconds, code, text]`. */
export async function* asciicast(items: AsyncIterable<ReplayItem>): AsyncGenerator<string> {
  let start: number | undefined;
  for await (const { at, kind, text } of terminalEvents(items)) {
    if (start === undefined) {
      start = at;
      const size = kind === 'r' ? sizeOf(text) : { width: 80, height: 24 };
      yield JSON.stringify({ version: 2, ...size, timestamp: Math.floor(at / 1000) });
      if (kind === 'r') continue;
    }
    yield JSON.stringify([(at - start) / 1000, kind, text]);
  }
  if (start === undefined) yield JSON.stringify({ version: 2, width: 80, height: 24 });
}

/** Writes what the terminal showed at the pace it was shown. */
export async function playTerminal(
  items: AsyncIterable<ReplayItem>,
  write: (text: string) => void,
): Promise<void> {
  let last: number | undefined;
  for await (const { at, kind, text } of terminalEvents(items)) {
    if (last !== undefined && at > last) await sleep(Math.min(at - last, LONGEST_PAUSE_MS));
    last = at;
    if (kind === 'o') write(text);
  }
}
