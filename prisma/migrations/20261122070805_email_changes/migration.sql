-- AlterTable
ALTER TABLE "login_names" ADD COLUMN     "reserved_until" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "email_requests" (
    "account_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "security_epoch" INTEGER NOT NULL,
    "session_hash" BYTEA NOT NULL,
    "sealed_email" BYTEA NOT NULL,
    "code_hash" BYTEA NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "email_requests_pkey" PRIMARY KEY ("account_id")
);

-- CreateTable
CREATE TABLE "email_changes" (
    "id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "sealed_from" BYTEA NOT NULL,
    "sealed_to" BYTEA,
    "token_hash" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "email_changes_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "email_requests_id_key" ON "email_requests"("id");

-- CreateIndex
CREATE INDEX "email_requests_expires_at_idx" ON "email_requests"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "email_changes_token_hash_key" ON "email_changes"("token_hash");

-- CreateIndex
CREATE INDEX "email_changes_account_id_created_at_idx" ON "email_changes"("account_id", "created_at");

-- CreateIndex
CREATE INDEX "email_changes_expires_at_idx" ON "email_changes"("expires_at");

-- CreateIndex
CREATE INDEX "login_names_reserved_until_idx" ON "login_names"("reserved_until");

-- AddForeignKey
ALTER TABLE "email_requests" ADD CONSTRAINT "email_requests_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "email_changes" ADD CONSTRAINT "email_changes_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
