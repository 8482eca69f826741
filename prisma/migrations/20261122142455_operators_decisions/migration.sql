-- AlterTable
ALTER TABLE "client_registrations" ADD COLUMN     "operator_apis" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "operator_fields" TEXT[] DEFAULT ARRAY[]::TEXT[];
