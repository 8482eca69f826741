/**
 * Broken promises as the protocol host understands them. A plain Error would become a 500; an
 * outage must be a 503 the caller can retry, never `invalid_client` or `active: false`.
 */
import Provider, { errors } from 'oidc-provider';
import { AppError } from '../kernel/errors.js';

export const UNSTORABLE = 'a parameter holds a character that cannot be stored';

/** An OAuth error (RFC 6749 section 5.2) for anything that went wrong below the host. */
export function toProtocolError(error: unknown): unknown {
  if (!(error instanceof AppError) || error.row.status !== 503) return error;
  const busy = new errors.TemporarilyUnavailable(error.row.title, { cause: error });
  busy.status = 503;
  busy.statusCode = 503;
  busy.expose = true;
  // Where the client's redirect URI cannot be checked, nobody is redirected.
  busy.allow_redirect = false;
  return busy;
}

// The host looks again where it could not look before (for the client, to word an error). Who
// has waited for an outage once is not made to wait for it a second time.
const outages = new WeakMap<object, unknown>();

/** Runs `work`, translating what it throws. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  const ctx = Provider.ctx;
  if (ctx && outages.has(ctx)) throw outages.get(ctx);
  try {
    return await work();
  } catch (error) {
    const told = toProtocolError(error);
    if (ctx && told !== error) outages.set(ctx, told);
    throw told;
  }
}
