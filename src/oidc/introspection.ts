/**
 * Who may learn what about a token (RFC 7662 section 4): the client it was issued to and the
 * resource server it is for; refresh tokens concern nobody but their client. Everybody else gets
 * exactly `{"active":false}`, the same as for a token that never was.
 */
import type { KoaContextWithOIDC } from 'oidc-provider';
import { factsOf, type HostClient } from './clients.js';

type Token = { readonly kind: string; readonly clientId?: string; readonly aud?: unknown };

export function mayIntrospect(
  _ctx: KoaContextWithOIDC,
  caller: HostClient,
  token: unknown,
): boolean {
  const { kind, clientId, aud } = token as Token;
  // A public client proves nothing by naming itself.
  if (caller.clientAuthMethod === 'none') return false;
  if (clientId === caller.clientId) return true;
  if (kind === 'RefreshToken') return false;
  return typeof aud === 'string' && factsOf(caller).rights.audiences.has(aud);
}

/** Only its own client takes a token back (RFC 7009 section 2.1); others are not told. */
export function mayRevoke(_ctx: KoaContextWithOIDC, caller: HostClient, token: unknown): boolean {
  return (token as Token).clientId === caller.clientId;
}
