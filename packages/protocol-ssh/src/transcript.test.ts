import { expect, test } from '@jest/globals';
import { frame } from './frame.ts';
import { createTranscriber } from './transcript.ts';

test('frames come back by their stream, letters cut by a border whole', () => {
  const euro = Buffer.from('€');
  const transcriber = createTranscriber();
  const said = [
    ...transcriber.response(
      Buffer.concat([frame('r', Buffer.from('80x24')), frame('o', euro.subarray(0, 2))]),
    ),
    ...transcriber.response(frame('e', Buffer.from('bad'))),
    ...transcriber.response(frame('o', euro.subarray(2))),
    ...transcriber.response(frame('f', Buffer.from('content'))),
  ];
  expect(said).toEqual([
    { kind: 'text', text: '80x24', channel: 'resize' },
    { kind: 'text', text: 'bad', channel: 'stderr' },
    { kind: 'text', text: '€', channel: 'stdout' },
    { kind: 'text', text: 'content', channel: 'file' },
  ]);
});

test('a cut frame and an unknown kind are not guessed at', () => {
  const transcriber = createTranscriber();
  expect(() => transcriber.response(frame('o', Buffer.from('abc')).subarray(0, 6))).toThrow(RangeError);
  expect(() => transcriber.response(Buffer.from('x\0\0\0\0'))).toThrow(RangeError);
});
