-- AlterTable
ALTER TABLE "sign_in_attempts" ADD COLUMN     "failures_before" INTEGER NOT NULL DEFAULT 0;
