import type { Shipment } from '@scrim/recording';
import type { Pool } from 'pg';

export interface NewDeadLetter {
  readonly id: string;
  readonly queue: string;
  /** The job, and the session where only one of the job's sessions is at fault: filing it again changes nothing. */
  readonly jobId: string;
  /** What the queue carried, as far as it could not be stored. */
  readonly payload: Shipment | unknown;
  readonly error: string;
  readonly attempts: number;
}

/** Keeps what could not be stored, so that no event is ever dropped unseen. */
export async function fileDeadLetter(pool: Pool, letter: NewDeadLetter): Promise<void> {
  await pool.query(
    `INSERT INTO dead_letter (id, queue, job_id, payload, error, attempts) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (queue, job_id) DO NOTHING`,
    [
      letter.id,
      letter.queue,
      letter.jobId,
      Buffer.from(JSON.stringify(letter.payload)),
      letter.error.replaceAll('\u0000', '\ufffd').slice(0, 4_000),
      letter.attempts,
    ],
  );
}
