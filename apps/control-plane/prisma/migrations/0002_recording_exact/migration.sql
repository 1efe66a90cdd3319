-- A recording is verified over the exact bytes that were hashed, which jsonb does not keep.
ALTER TABLE "session_event" ALTER COLUMN "data" TYPE TEXT USING "data"::text;

-- After a restart an edge may sign the same first event again with a later last one; both signatures are kept.
ALTER TABLE "session_batch" DROP CONSTRAINT "session_batch_pkey",
ADD CONSTRAINT "session_batch_pkey" PRIMARY KEY ("session_id", "first_seq", "last_seq");

-- Rows and masks are counted by block, not by statement.
ALTER TABLE "session_statement" DROP COLUMN "rows", DROP COLUMN "masked_values";
