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

export const keyRotationBody = z
  .strictObject({
    emergency: z.boolean().optional(),
    // In an emergency: only this key. All of them otherwise.
    kid: z.string().min(1).max(100).optional(),
    reason: reason.optional(),
  })
  .superRefine((body, context) => {
    const refuse = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message });
    // A key that is named only means something where it goes; rotating the others instead would
    // look as if it had gone.
    if (!body.emergency && body.kid !== undefined) refuse('kid', 'Only in an emergency');
    if (body.emergency && body.reason === undefined) refuse('reason', 'Required in an emergency');
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
