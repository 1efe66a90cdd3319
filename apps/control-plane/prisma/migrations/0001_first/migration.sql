-- Trigram search over recorded statements; a trusted extension, so the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- CreateTable
CREATE TABLE "connection" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "target" JSONB NOT NULL,
    "labels" JSONB NOT NULL DEFAULT '{}',
    "edges" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "credential_id" UUID,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "connection_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" UUID NOT NULL,
    "fields" JSONB NOT NULL,
    "wrapped_key" BYTEA,
    "key_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy" (
    "name" TEXT NOT NULL,
    "current_version" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "policy_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "policy_version" (
    "policy_name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "body" JSONB NOT NULL,
    "author" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "policy_version_pkey" PRIMARY KEY ("policy_name","version")
);

-- CreateTable
CREATE TABLE "approval" (
    "id" UUID NOT NULL,
    "request_id" TEXT NOT NULL,
    "edge_id" UUID NOT NULL,
    "session_id" TEXT NOT NULL,
    "connection" TEXT NOT NULL,
    "caller" TEXT NOT NULL,
    "caller_groups" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "policy" TEXT NOT NULL,
    "policy_version" INTEGER NOT NULL,
    "rule" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "statement" TEXT NOT NULL,
    "parameters" JSONB NOT NULL DEFAULT '[]',
    "digest" BYTEA NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "quorum" INTEGER NOT NULL DEFAULT 1,
    "approver_groups" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "decided_at" TIMESTAMPTZ(3),
    "redeemed_at" TIMESTAMPTZ(3),

    CONSTRAINT "approval_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "approval_decision" (
    "id" UUID NOT NULL,
    "approval_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "decision" TEXT NOT NULL,
    "comment" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "approval_decision_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "session" (
    "id" UUID NOT NULL,
    "connection" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "caller" TEXT NOT NULL,
    "caller_kind" TEXT NOT NULL,
    "caller_groups" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "claimed_name" TEXT,
    "edge_id" UUID NOT NULL,
    "policy_versions" JSONB NOT NULL DEFAULT '{}',
    "opened_at" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),
    "ending" TEXT,
    "operations" BIGINT NOT NULL DEFAULT 0,
    "rows" BIGINT NOT NULL DEFAULT 0,
    "bytes" BIGINT NOT NULL DEFAULT 0,
    "masked_values" BIGINT NOT NULL DEFAULT 0,
    "refusals" BIGINT NOT NULL DEFAULT 0,
    "coverage" JSONB,
    "last_seq" BIGINT NOT NULL DEFAULT -1,
    "head_hash" BYTEA,
    "verified" BOOLEAN,

    CONSTRAINT "session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "session_event" (
    "session_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "data" JSONB NOT NULL,
    "body" BYTEA,
    "prev_hash" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "session_event_pkey" PRIMARY KEY ("session_id","seq")
);

-- CreateTable
CREATE TABLE "session_batch" (
    "session_id" UUID NOT NULL,
    "first_seq" BIGINT NOT NULL,
    "last_seq" BIGINT NOT NULL,
    "head_hash" BYTEA NOT NULL,
    "signature" BYTEA NOT NULL,
    "edge_id" UUID NOT NULL,
    "certificate_fingerprint" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "session_batch_pkey" PRIMARY KEY ("session_id","first_seq")
);

-- CreateTable
CREATE TABLE "session_statement" (
    "session_id" UUID NOT NULL,
    "digest" BYTEA NOT NULL,
    "verb" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "count" BIGINT NOT NULL DEFAULT 1,
    "rows" BIGINT NOT NULL DEFAULT 0,
    "masked_values" BIGINT NOT NULL DEFAULT 0,
    "refusals" BIGINT NOT NULL DEFAULT 0,
    "first_seq" BIGINT NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_statement_pkey" PRIMARY KEY ("session_id","digest")
);

-- CreateTable
CREATE TABLE "dead_letter" (
    "id" UUID NOT NULL,
    "queue" TEXT NOT NULL,
    "job_id" TEXT,
    "payload" BYTEA NOT NULL,
    "error" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "replayed_at" TIMESTAMPTZ(3),

    CONSTRAINT "dead_letter_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "edge" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'enrolled',
    "capabilities" JSONB NOT NULL DEFAULT '{}',
    "listeners" JSONB NOT NULL DEFAULT '{}',
    "open_sessions" INTEGER NOT NULL DEFAULT 0,
    "spool_bytes" BIGINT NOT NULL DEFAULT 0,
    "last_seen_at" TIMESTAMPTZ(3),
    "snapshot_version_sent" TEXT,
    "snapshot_version_acked" TEXT,
    "nack_reason" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "edge_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "edge_certificate" (
    "serial" TEXT NOT NULL,
    "edge_id" UUID NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "public_key" BYTEA NOT NULL,
    "not_before" TIMESTAMPTZ(3) NOT NULL,
    "not_after" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "edge_certificate_pkey" PRIMARY KEY ("serial")
);

-- CreateTable
CREATE TABLE "join_token" (
    "id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "edge_name" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "join_token_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "issuer" (
    "url" TEXT NOT NULL,
    "audiences" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "algorithms" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "subject_claim" TEXT NOT NULL,
    "groups_claim" TEXT NOT NULL,
    "attribute_claims" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "kind" TEXT NOT NULL,
    "jwks" JSONB,
    "jwks_fetched_at" TIMESTAMPTZ(3),
    "jwks_error" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "issuer_pkey" PRIMARY KEY ("url")
);

-- CreateTable
CREATE TABLE "machine_identity" (
    "name" TEXT NOT NULL,
    "issuer_url" TEXT NOT NULL,
    "conditions" JSONB NOT NULL,
    "groups" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "machine_identity_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" UUID NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "name" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "groups" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "roles" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "role_binding" (
    "group" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "role_binding_pkey" PRIMARY KEY ("group","role")
);

-- CreateTable
CREATE TABLE "issued_token" (
    "token_id" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "groups" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "connections" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "issued_by" TEXT NOT NULL,
    "issued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "issued_token_pkey" PRIMARY KEY ("token_id")
);

-- CreateTable
CREATE TABLE "revoked_token" (
    "token_id" TEXT NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,
    "by" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "revoked_token_pkey" PRIMARY KEY ("token_id")
);

-- CreateTable
CREATE TABLE "signing_key" (
    "key_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "sealed" JSONB NOT NULL,
    "wrapped_key" BYTEA NOT NULL,
    "master_key_id" TEXT NOT NULL,
    "public_key" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retired_at" TIMESTAMPTZ(3),

    CONSTRAINT "signing_key_pkey" PRIMARY KEY ("key_id")
);

-- CreateTable
CREATE TABLE "audit_entry" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "request_id" TEXT,
    "ip" TEXT,

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "connection_name_key" ON "connection"("name");

-- CreateIndex
CREATE UNIQUE INDEX "connection_credential_id_key" ON "connection"("credential_id");

-- CreateIndex
CREATE INDEX "credential_key_id_idx" ON "credential"("key_id");

-- CreateIndex
CREATE UNIQUE INDEX "approval_request_id_key" ON "approval"("request_id");

-- CreateIndex
CREATE INDEX "approval_state_expires_at_idx" ON "approval"("state", "expires_at");

-- CreateIndex
CREATE INDEX "approval_connection_id_idx" ON "approval"("connection", "id");

-- CreateIndex
CREATE INDEX "approval_caller_id_idx" ON "approval"("caller", "id");

-- CreateIndex
CREATE INDEX "approval_session_id_idx" ON "approval"("session_id");

-- CreateIndex
CREATE UNIQUE INDEX "approval_decision_approval_id_subject_key" ON "approval_decision"("approval_id", "subject");

-- CreateIndex
CREATE INDEX "session_opened_at_id_idx" ON "session"("opened_at", "id");

-- CreateIndex
CREATE INDEX "session_connection_opened_at_idx" ON "session"("connection", "opened_at");

-- CreateIndex
CREATE INDEX "session_caller_opened_at_idx" ON "session"("caller", "opened_at");

-- CreateIndex
CREATE INDEX "session_edge_id_opened_at_idx" ON "session"("edge_id", "opened_at");

-- CreateIndex
CREATE INDEX "session_statement_text_idx" ON "session_statement" USING GIN ("text" gin_trgm_ops);

-- CreateIndex
CREATE UNIQUE INDEX "dead_letter_queue_job_id_key" ON "dead_letter"("queue", "job_id");

-- CreateIndex
CREATE UNIQUE INDEX "edge_name_key" ON "edge"("name");

-- CreateIndex
CREATE UNIQUE INDEX "edge_certificate_fingerprint_key" ON "edge_certificate"("fingerprint");

-- CreateIndex
CREATE INDEX "edge_certificate_edge_id_idx" ON "edge_certificate"("edge_id");

-- CreateIndex
CREATE UNIQUE INDEX "join_token_hash_key" ON "join_token"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_prefix_key" ON "api_key"("prefix");

-- CreateIndex
CREATE INDEX "issued_token_subject_idx" ON "issued_token"("subject");

-- CreateIndex
CREATE INDEX "issued_token_expires_at_idx" ON "issued_token"("expires_at");

-- CreateIndex
CREATE INDEX "revoked_token_until_idx" ON "revoked_token"("until");

-- CreateIndex
CREATE INDEX "signing_key_kind_idx" ON "signing_key"("kind");

-- CreateIndex
CREATE INDEX "audit_entry_actor_id_idx" ON "audit_entry"("actor", "id");

-- CreateIndex
CREATE INDEX "audit_entry_action_id_idx" ON "audit_entry"("action", "id");

-- CreateIndex
CREATE INDEX "audit_entry_resource_id_idx" ON "audit_entry"("resource", "id");

-- AddForeignKey
ALTER TABLE "connection" ADD CONSTRAINT "connection_credential_id_fkey" FOREIGN KEY ("credential_id") REFERENCES "credential"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy_version" ADD CONSTRAINT "policy_version_policy_name_fkey" FOREIGN KEY ("policy_name") REFERENCES "policy"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "approval_decision" ADD CONSTRAINT "approval_decision_approval_id_fkey" FOREIGN KEY ("approval_id") REFERENCES "approval"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "session_event" ADD CONSTRAINT "session_event_session_id_fkey" FOREIGN KEY ("session_id") REFERENCES "session"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "session_batch" ADD CONSTRAINT "session_batch_session_id_fkey" FOREIGN KEY ("session_id") REFERENCES "session"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "session_statement" ADD CONSTRAINT "session_statement_session_id_fkey" FOREIGN KEY ("session_id") REFERENCES "session"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "edge_certificate" ADD CONSTRAINT "edge_certificate_edge_id_fkey" FOREIGN KEY ("edge_id") REFERENCES "edge"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "machine_identity" ADD CONSTRAINT "machine_identity_issuer_url_fkey" FOREIGN KEY ("issuer_url") REFERENCES "issuer"("url") ON DELETE RESTRICT ON UPDATE CASCADE;
