-- CreateEnum
CREATE TYPE "token_format" AS ENUM ('opaque', 'jwt');

-- CreateEnum
CREATE TYPE "account_kind" AS ENUM ('shopper', 'staff');

-- CreateEnum
CREATE TYPE "status" AS ENUM ('active', 'disabled');

-- CreateTable
CREATE TABLE "resource_servers" (
    "id" UUID NOT NULL,
    "indicator" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "format" "token_format" NOT NULL DEFAULT 'opaque',
    "access_token_ttl" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "resource_servers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "resource_scopes" (
    "resource_server_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,

    CONSTRAINT "resource_scopes_pkey" PRIMARY KEY ("resource_server_id","name")
);

-- CreateTable
CREATE TABLE "client_grants" (
    "client_id" TEXT NOT NULL,
    "resource_server_id" UUID NOT NULL,
    "scopes" TEXT[],

    CONSTRAINT "client_grants_pkey" PRIMARY KEY ("client_id","resource_server_id")
);

-- CreateTable
CREATE TABLE "resource_server_clients" (
    "resource_server_id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,

    CONSTRAINT "resource_server_clients_pkey" PRIMARY KEY ("resource_server_id","client_id")
);

-- CreateTable
CREATE TABLE "account_roles" (
    "account_id" UUID NOT NULL,
    "role" TEXT NOT NULL,

    CONSTRAINT "account_roles_pkey" PRIMARY KEY ("account_id","role")
);

-- CreateTable
CREATE TABLE "audit_events" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "event" TEXT NOT NULL,
    "result" TEXT NOT NULL,
    "actor_kind" TEXT NOT NULL,
    "actor_id" TEXT,
    "subject_id" TEXT,
    "client_id" TEXT,
    "ip" TEXT,
    "request_id" TEXT,
    "details" JSONB,

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "milestones" (
    "name" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "sealed" BYTEA,

    CONSTRAINT "milestones_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "clients" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" "status" NOT NULL DEFAULT 'active',
    "first_party" BOOLEAN NOT NULL DEFAULT false,
    "security_epoch" INTEGER NOT NULL DEFAULT 0,
    "application_type" TEXT NOT NULL DEFAULT 'web',
    "auth_method" TEXT NOT NULL,
    "grant_types" TEXT[],
    "redirect_uris" TEXT[],
    "post_logout_redirect_uris" TEXT[],
    "web_origins" TEXT[],
    "identity_scopes" TEXT[],
    "id_token_alg" TEXT NOT NULL DEFAULT 'ES256',
    "require_pushed_requests" BOOLEAN NOT NULL DEFAULT false,
    "dpop_bound_access_tokens" BOOLEAN NOT NULL DEFAULT false,
    "jwks" JSONB,
    "client_uri" TEXT,
    "policy_uri" TEXT,
    "tos_uri" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "clients_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "client_secrets" (
    "id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "client_secrets_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "password_credentials" (
    "account_id" UUID NOT NULL,
    "hash" TEXT NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "password_credentials_pkey" PRIMARY KEY ("account_id")
);

-- CreateTable
CREATE TABLE "artifacts" (
    "id_hash" BYTEA NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB,
    "sealed_payload" BYTEA,
    "account_id" UUID,
    "client_id" TEXT,
    "grant_hash" BYTEA,
    "uid" TEXT,
    "user_code_hash" BYTEA,
    "auth_at" INTEGER NOT NULL,
    "issued_at" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "consumed_at" TIMESTAMPTZ(3),

    CONSTRAINT "artifacts_pkey" PRIMARY KEY ("id_hash")
);

-- CreateTable
CREATE TABLE "accounts" (
    "id" UUID NOT NULL,
    "kind" "account_kind" NOT NULL,
    "status" "status" NOT NULL DEFAULT 'active',
    "security_epoch" INTEGER NOT NULL DEFAULT 0,
    "session_epoch" INTEGER NOT NULL DEFAULT 0,
    "email_verified" BOOLEAN NOT NULL DEFAULT false,
    "sealed_email" BYTEA,
    "sealed_profile" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "accounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "login_names" (
    "index" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "account_id" UUID NOT NULL,

    CONSTRAINT "login_names_pkey" PRIMARY KEY ("index")
);

-- CreateTable
CREATE TABLE "account_keys" (
    "account_id" UUID NOT NULL,
    "wrapped" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "account_keys_pkey" PRIMARY KEY ("account_id")
);

-- CreateTable
CREATE TABLE "signing_keys" (
    "kid" TEXT NOT NULL,
    "alg" TEXT NOT NULL,
    "public_jwk" JSONB NOT NULL,
    "sealed_private" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "active_from" TIMESTAMPTZ(3) NOT NULL,
    "published_until" TIMESTAMPTZ(3),

    CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid")
);

-- CreateIndex
CREATE UNIQUE INDEX "resource_servers_indicator_key" ON "resource_servers"("indicator");

-- CreateIndex
CREATE INDEX "audit_events_subject_id_at_idx" ON "audit_events"("subject_id", "at");

-- CreateIndex
CREATE INDEX "audit_events_event_at_idx" ON "audit_events"("event", "at");

-- CreateIndex
CREATE INDEX "client_secrets_client_id_idx" ON "client_secrets"("client_id");

-- CreateIndex
CREATE UNIQUE INDEX "artifacts_uid_key" ON "artifacts"("uid");

-- CreateIndex
CREATE UNIQUE INDEX "artifacts_user_code_hash_key" ON "artifacts"("user_code_hash");

-- CreateIndex
CREATE INDEX "artifacts_account_id_idx" ON "artifacts"("account_id");

-- CreateIndex
CREATE INDEX "artifacts_client_id_idx" ON "artifacts"("client_id");

-- CreateIndex
CREATE INDEX "artifacts_grant_hash_idx" ON "artifacts"("grant_hash");

-- CreateIndex
CREATE INDEX "artifacts_expires_at_idx" ON "artifacts"("expires_at");

-- CreateIndex
CREATE INDEX "login_names_account_id_idx" ON "login_names"("account_id");

-- AddForeignKey
ALTER TABLE "resource_scopes" ADD CONSTRAINT "resource_scopes_resource_server_id_fkey" FOREIGN KEY ("resource_server_id") REFERENCES "resource_servers"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "client_grants" ADD CONSTRAINT "client_grants_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "client_grants" ADD CONSTRAINT "client_grants_resource_server_id_fkey" FOREIGN KEY ("resource_server_id") REFERENCES "resource_servers"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "resource_server_clients" ADD CONSTRAINT "resource_server_clients_resource_server_id_fkey" FOREIGN KEY ("resource_server_id") REFERENCES "resource_servers"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "resource_server_clients" ADD CONSTRAINT "resource_server_clients_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "account_roles" ADD CONSTRAINT "account_roles_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "client_secrets" ADD CONSTRAINT "client_secrets_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "password_credentials" ADD CONSTRAINT "password_credentials_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "login_names" ADD CONSTRAINT "login_names_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "account_keys" ADD CONSTRAINT "account_keys_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
