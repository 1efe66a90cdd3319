/**
 * An edge reduced to recording and shipping, to be killed. Arguments: spool folder, Redis URL, edge id, key id, private
 * key (PEM), and `ship` to record nothing. Prints the id of every session it has opened.
 */
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Recorder, Spool } from '@scrim/recording';
import { openSession } from '@scrim/recording/testing';
import { Shipper } from './shipper.ts';

const [folder, url, edgeId, keyId, pem, only] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string?,
];
const privateKey = createPrivateKey(pem);
const spool = new Spool({ folder, maxBytes: 1024 ** 3, segmentBytes: 128 * 1024, syncInterval: 2 });
const recorder = new Recorder({ sink: spool, edgeId, blockInterval: 5 });
recorder.closeLost();
const signer = { keyId, sign: (bytes: Buffer) => sign(null, bytes, privateKey) };
new Shipper({ spool, edgeId, signer: () => signer, queue: { url, prefix: 'scrim' } }).start();

function record(): void {
  const session = openSession(recorder, randomUUID());
  writeSync(1, `${session.sessionId}\n`);
  for (let run = 0; run < 20; run++) {
    session.operation({ text: `SELECT ${run}`, verb: 'SELECT', parameters: null, verdict: 'allow' });
    session.response(Buffer.alloc(200), 1);
    session.flush();
  }
  if (Math.random() < 0.7) session.closed('caller-left');
  setTimeout(record, 2);
}
if (only !== 'ship') record();
