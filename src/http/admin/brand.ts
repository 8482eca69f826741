/** How a client's pages look, in the admin API: set as a whole, or taken away. */

import type { BrandClient, BrandClientResult } from '../../flows/brand-client.js';
import { AppError } from '../../kernel/errors.js';
import { lookOf } from '../brand.js';
import type { BrandBody } from './bodies.js';

/** What PUT sends: whatever is left out is not part of the brand. */
export function brandDraft(body: BrandBody): Parameters<BrandClient>[0]['draft'] {
  const { logo } = body;
  return {
    accent: body.accent ?? null,
    surface: body.surface ?? null,
    logo: logo
      ? { bytes: new Uint8Array(Buffer.from(logo.data, 'base64')), type: logo.mediaType }
      : null,
  };
}

// The pointer leads to what has to be changed (RFC 9457, RFC 6901).
const POINTERS = { accent: '/accent', surface: '/surface', logo: '/logo/data' } as const;

export function presentBrand(result: BrandClientResult) {
  switch (result.kind) {
    case 'not-found':
      throw new AppError('not_found');
    case 'forbidden':
      throw new AppError('forbidden');
    case 'invalid':
      throw new AppError('validation_failed', {
        fields: result.faults.map(({ field, message }) => ({ pointer: POINTERS[field], message })),
      });
    case 'changed': {
      const { brand, notes } = result;
      const { logo, palette } = lookOf(brand);
      return {
        accent: brand?.accent ?? null,
        surface: brand?.surface ?? null,
        logo: logo ? { ...logo, mediaType: brand?.logo?.type } : null,
        shown: palette ?? null,
        notes,
      };
    }
  }
}
