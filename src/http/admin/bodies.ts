/** The request bodies of the admin API: what is accepted, and what its description says. */
import { z } from 'zod';
import { revocable } from '../../flows/revoke-access.js';

const reason = z.string().trim().min(1).max(500);

export const revocationBody = z.strictObject({
  what: z.array(z.enum(revocable)).min(1).max(revocable.length),
  reason,
});

export const statusBody = z.strictObject({
  status: z.enum(['active', 'disabled']),
  reason: reason.optional(),
});
