-- CreateTable
CREATE TABLE "approval_requests" (
    "id_hash" BYTEA NOT NULL,
    "subject_id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "answered_at" TIMESTAMPTZ(3),
    "sealed_ping" BYTEA,

    CONSTRAINT "approval_requests_pkey" PRIMARY KEY ("id_hash")
);

-- CreateTable
CREATE TABLE "approval_stops" (
    "account_id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "approval_stops_pkey" PRIMARY KEY ("account_id","client_id")
);

-- CreateIndex
CREATE INDEX "approval_requests_subject_id_idx" ON "approval_requests"("subject_id");

-- CreateIndex
CREATE INDEX "approval_requests_expires_at_idx" ON "approval_requests"("expires_at");

-- CreateIndex
CREATE INDEX "approval_stops_until_idx" ON "approval_stops"("until");

-- AddForeignKey
ALTER TABLE "approval_stops" ADD CONSTRAINT "approval_stops_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
