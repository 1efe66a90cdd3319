-- What reversible tokens stand for, sealed by edges to the vault key, and which of them were erased.
CREATE TABLE "vault_token" (
    "token" TEXT NOT NULL,
    "digest" BYTEA NOT NULL,
    "sealed" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "policies" TEXT[],
    "edge_id" UUID NOT NULL,
    "stored_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "vault_token_pkey" PRIMARY KEY ("token","digest")
);

CREATE TABLE "vault_erasure" (
    "token" TEXT NOT NULL,
    "erased_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "erased_by" TEXT NOT NULL,
    "reason" TEXT NOT NULL,

    CONSTRAINT "vault_erasure_pkey" PRIMARY KEY ("token")
);

CREATE TABLE "vault_erased_value" (
    "digest" BYTEA NOT NULL,
    "erased_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "erased_by" TEXT NOT NULL,
    "reason" TEXT NOT NULL,

    CONSTRAINT "vault_erased_value_pkey" PRIMARY KEY ("digest")
);

CREATE INDEX "vault_token_digest_idx" ON "vault_token"("digest");
