-- CreateTable
CREATE TABLE "factor_resets" (
    "account_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "stop_hash" BYTEA NOT NULL,
    "effective_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "factor_resets_pkey" PRIMARY KEY ("account_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "factor_resets_id_key" ON "factor_resets"("id");

-- CreateIndex
CREATE UNIQUE INDEX "factor_resets_stop_hash_key" ON "factor_resets"("stop_hash");

-- CreateIndex
CREATE INDEX "factor_resets_effective_at_idx" ON "factor_resets"("effective_at");

-- AddForeignKey
ALTER TABLE "factor_resets" ADD CONSTRAINT "factor_resets_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
