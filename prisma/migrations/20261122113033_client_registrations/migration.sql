-- CreateTable
CREATE TABLE "registration_tokens" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "identity_scopes" TEXT[],
    "api_scopes" JSONB NOT NULL DEFAULT '{}',
    "grant_types" TEXT[],
    "profile" TEXT NOT NULL,
    "max_clients" INTEGER,
    "clients" INTEGER NOT NULL DEFAULT 0,
    "window_started_at" TIMESTAMPTZ(3),
    "window_clients" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "registration_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "client_registrations" (
    "client_id" TEXT NOT NULL,
    "token_id" UUID NOT NULL,
    "access_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "client_registrations_pkey" PRIMARY KEY ("client_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "registration_tokens_hash_key" ON "registration_tokens"("hash");

-- CreateIndex
CREATE INDEX "client_registrations_token_id_idx" ON "client_registrations"("token_id");

-- AddForeignKey
ALTER TABLE "client_registrations" ADD CONSTRAINT "client_registrations_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "client_registrations" ADD CONSTRAINT "client_registrations_token_id_fkey" FOREIGN KEY ("token_id") REFERENCES "registration_tokens"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
