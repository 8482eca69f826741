-- AlterTable
ALTER TABLE "resource_servers" ADD COLUMN     "jwt_alg" TEXT NOT NULL DEFAULT 'ES256';

-- AlterTable
ALTER TABLE "signing_keys" ADD COLUMN     "revoked_at" TIMESTAMPTZ(3);
