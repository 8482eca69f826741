/** The request bodies of the admin API: what is accepted, and what its description says. */
import { z } from 'zod';
import { logoTypes } from '../../domain/clients/index.js';
import { revocable } from '../../flows/revoke-access.js';

const reason = z.string().trim().min(1).max(500);

export const factorResetBody = z.strictObject({
  reason,
  // Without the waiting time: for whoever has seen the owner face to face.
  now: z.boolean().optional(),
});

export const revocationBody = z.strictObject({
  what: z.array(z.enum(revocable)).min(1).max(revocable.length),
  reason,
});

export const statusBody = z.strictObject({
  status: z.enum(['active', 'disabled']),
  reason: reason.optional(),
});

const colour = z.string().regex(/^#[0-9a-fA-F]{6}$/, 'A colour as #rrggbb');

export const brandBody = z.strictObject({
  accent: colour.nullish(),
  surface: colour.nullish(),
  logo: z
    .strictObject({
      mediaType: z.enum(logoTypes),
      // What is inside is judged later; this only has to be bytes.
      data: z.base64().min(1),
    })
    .nullish(),
});
export type BrandBody = z.infer<typeof brandBody>;
