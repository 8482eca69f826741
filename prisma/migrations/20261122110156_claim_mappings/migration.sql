-- CreateTable
CREATE TABLE "claim_mappings" (
    "claim" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "in_access_tokens" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "claim_mappings_pkey" PRIMARY KEY ("claim")
);

-- Every node builds its protocol host anew when a mapping changes.
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON claim_mappings
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('claim_mappings', 'claim');
