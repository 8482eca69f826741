-- AlterTable
ALTER TABLE "artifacts" ADD COLUMN     "poll_seconds" SMALLINT,
ADD COLUMN     "polled_at" TIMESTAMPTZ(3),
ADD COLUMN     "stage" SMALLINT;
