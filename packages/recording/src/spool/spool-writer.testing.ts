/**
 * A process to be killed: records sessions into the spool named by its argument as fast as it can. After each flush it
 * prints `<session> <operations>`: so many operations of it may never be lost by a kill.
 */
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Recorder } from '../recorder.ts';
import { openSession } from '../testing.ts';
import { Spool } from './spool.ts';

const spool = new Spool({
  folder: process.argv[2] as string,
  maxBytes: 1024 * 1024 * 1024,
  segmentBytes: 256 * 1024,
});
const recorder = new Recorder({ sink: spool, edgeId: 'edge-1', blockInterval: 5 });
recorder.closeLost();

function record(): void {
  const sessionId = randomUUID();
  const session = openSession(recorder, sessionId);
  for (let operation = 1; operation <= 200; operation++) {
    session.operation({ text: `SELECT ${operation}`, verb: 'SELECT', parameters: null, verdict: 'allow' });
    session.response(Buffer.alloc(300, 'r'), 1);
    session.outcome(true, 'SELECT 1', 1);
    if (operation % 40 === 0) {
      session.flush();
      writeSync(1, `${sessionId} ${operation}\n`);
    }
  }
  // Every third session is left open.
  if (Math.random() < 0.66) session.closed('caller-left');
  setImmediate(record);
}
record();
