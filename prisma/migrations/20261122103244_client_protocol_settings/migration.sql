-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "metadata" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "profile" TEXT NOT NULL DEFAULT 'oauth2.1',
ADD COLUMN     "refresh_absolute_seconds" INTEGER,
ADD COLUMN     "refresh_grace_seconds" INTEGER,
ADD COLUMN     "refresh_idle_seconds" INTEGER;
