-- CreateTable
CREATE TABLE "mail_refusals" (
    "account_id" UUID NOT NULL,
    "address_index" BYTEA NOT NULL,
    "refused_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "mail_refusals_pkey" PRIMARY KEY ("account_id")
);

-- AddForeignKey
ALTER TABLE "mail_refusals" ADD CONSTRAINT "mail_refusals_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
