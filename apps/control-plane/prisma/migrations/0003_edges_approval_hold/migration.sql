-- Which stream waits for a held operation, and until when it has said so: a stream that broke may be taken up again by
-- another replica, one that was closed withdraws the request.
ALTER TABLE "approval" ADD COLUMN "held_by" TEXT, ADD COLUMN "held_until" TIMESTAMPTZ(3);

-- Peers are looked up by key when a certificate has lapsed, and when a key is certified.
CREATE INDEX "edge_certificate_public_key_idx" ON "edge_certificate"("public_key");
