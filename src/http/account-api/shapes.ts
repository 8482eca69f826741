/** Shapes that several answers of the self-service API are made of. */
import { z } from 'zod';

export const moment = z.iso.datetime();

/** A time as JSON has it (RFC 3339); null where there is none. */
export function when(at: Date): string;
export function when(at: Date | null | undefined): string | null;
export function when(at: Date | null | undefined): string | null {
  return at?.toISOString() ?? null;
}
