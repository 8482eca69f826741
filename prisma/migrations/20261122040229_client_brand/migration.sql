-- CreateTable
CREATE TABLE "client_brands" (
    "client_id" TEXT NOT NULL,
    "accent" TEXT,
    "surface" TEXT,
    "logo" BYTEA,
    "logo_type" TEXT,
    "logo_sha256" TEXT,
    "logo_width" INTEGER,
    "logo_height" INTEGER,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "client_brands_pkey" PRIMARY KEY ("client_id")
);

-- CreateIndex
CREATE INDEX "client_brands_logo_sha256_idx" ON "client_brands"("logo_sha256");

-- AddForeignKey
ALTER TABLE "client_brands" ADD CONSTRAINT "client_brands_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Colours end up in a style sheet, so nothing but a colour gets in, whoever writes the row.
ALTER TABLE "client_brands"
  ADD CONSTRAINT "client_brands_colours" CHECK ("accent" ~ '^#[0-9a-f]{6}$' AND "surface" ~ '^#[0-9a-f]{6}$'),
  ADD CONSTRAINT "client_brands_logo" CHECK (
    num_nonnulls("logo", "logo_type", "logo_sha256", "logo_width", "logo_height") IN (0, 5)
    AND octet_length("logo") <= 65536
    AND "logo_type" IN ('image/svg+xml', 'image/png')
    AND "logo_sha256" = encode(sha256("logo"), 'hex'));

-- Part of what the nodes keep of a client in memory.
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON client_brands
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('clients', 'client_id');
