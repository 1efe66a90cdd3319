import { expect, test } from '@jest/globals';
import type { ReplayItem } from './player.ts';
import { asciicast, playTerminal } from './terminal-player.ts';

async function* items(...all: ReplayItem[]): AsyncGenerator<ReplayItem> {
  yield* all;
}

const text = (at: number, channel: string, shown: string, lane = 1): ReplayItem => ({
  kind: 'text',
  at,
  channel,
  text: shown,
  lane,
});

async function cast(...all: ReplayItem[]): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const line of asciicast(items(...all))) lines.push(JSON.parse(line));
  return lines;
}

test('a terminal becomes a cast of its size, in its own time', async () => {
  expect(
    await cast(
      { kind: 'opened', at: 1_000 },
      text(2_000, 'resize', '100x30'),
      text(2_500, 'stdout', 'a\n'),
      text(3_000, 'resize', '90x20'),
      text(3_250, 'stdout', 'b'),
    ),
  ).toEqual([
    { version: 2, width: 100, height: 30, timestamp: 2 },
    [0.5, 'o', 'a\n'],
    [1, 'r', '90x20'],
    [1.25, 'o', 'b'],
  ]);
});

test('a command without a terminal gets the carriage returns one would add', async () => {
  const lines = await cast(
    text(5, 'stdout', 'a\nb\r\n'),
    text(6, 'file', 'not shown'),
    text(7, 'stderr', 'c\n'),
  );
  expect(lines).toEqual([
    { version: 2, width: 80, height: 24, timestamp: 0 },
    [0, 'o', 'a\r\nb\r\n'],
    [0.002, 'o', 'c\r\n'],
  ]);
});

test('a session that showed nothing is an empty cast', async () => {
  expect(await cast({ kind: 'closed', at: 1 })).toEqual([{ version: 2, width: 80, height: 24 }]);
});

test('playing writes what was shown, pauses cut short', async () => {
  let shown = '';
  const started = Date.now();
  await playTerminal(items(text(0, 'stdout', 'x'), text(30, 'stdout', 'y')), (it) => {
    shown += it;
  });
  expect(shown).toBe('xy');
  expect(Date.now() - started).toBeGreaterThanOrEqual(25);
});
