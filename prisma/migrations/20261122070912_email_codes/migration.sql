-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "email_code" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "email_codes" (
    "id" UUID NOT NULL,
    "interaction_hash" BYTEA NOT NULL,
    "browser_hash" BYTEA NOT NULL,
    "account_id" UUID NOT NULL,
    "security_epoch" INTEGER NOT NULL,
    "code_hash" BYTEA NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "email_codes_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "email_codes_interaction_hash_key" ON "email_codes"("interaction_hash");

-- CreateIndex
CREATE INDEX "email_codes_expires_at_idx" ON "email_codes"("expires_at");
