-- AlterTable
ALTER TABLE "artifacts" ADD COLUMN     "rests_on" BYTEA[] DEFAULT ARRAY[]::BYTEA[];
