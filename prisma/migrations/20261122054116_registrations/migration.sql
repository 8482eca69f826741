-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "self_registration" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "registrations" (
    "id" UUID NOT NULL,
    "address_index" BYTEA NOT NULL,
    "interaction_hash" BYTEA NOT NULL,
    "client_id" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "code_hash" BYTEA NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "verified_at" TIMESTAMPTZ(3),
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "registrations_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "registrations_address_index_key" ON "registrations"("address_index");

-- CreateIndex
CREATE UNIQUE INDEX "registrations_token_hash_key" ON "registrations"("token_hash");

-- CreateIndex
CREATE INDEX "registrations_interaction_hash_created_at_idx" ON "registrations"("interaction_hash", "created_at");

-- CreateIndex
CREATE INDEX "registrations_expires_at_idx" ON "registrations"("expires_at");
