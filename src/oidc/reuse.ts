/**
 * A code or refresh token that comes back after it was used (RFC 9700 section 4.14.2). The host
 * asks its revocation policy before it ends a grant; here the grant has ended by then, in one
 * transaction with the record and the letter, and the refusal is sent only after it.
 */
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Grants } from '../domain/grants/index.js';
import type { SeenAgain } from '../flows/end-reused-grant.js';
import { guarded } from './errors.js';

/** Ends the grant of what a token request has presented; throws where that cannot be done now. */
export type EndReused = (ctx: KoaContextWithOIDC) => Promise<void>;

export function createEndReused(
  grants: Pick<Grants, 'find'>,
  end: (seen: SeenAgain & { readonly requestContext: object }) => Promise<void>,
): EndReused {
  return (ctx) =>
    guarded(async () => {
      const { params, client } = ctx.oidc;
      const kind = params?.grant_type === 'refresh_token' ? 'refresh_token' : 'authorization_code';
      // A code of any kind: what was typed, scanned or sent leads to a grant in the same way.
      const value =
        kind === 'refresh_token'
          ? params?.refresh_token
          : (params?.code ?? params?.device_code ?? params?.auth_req_id);
      const found = typeof value === 'string' ? await grants.find(value) : undefined;
      // Not found: somebody was faster, and it is over already.
      const { grantId, accountId } = found?.payload ?? {};
      if (typeof grantId !== 'string') return;
      await end({
        kind,
        grantId,
        clientId: client?.clientId,
        accountId: typeof accountId === 'string' ? accountId : undefined,
        requestContext: ctx,
      });
    });
}

/** `revokeGrantPolicy` of the host: whether the grant itself ends with what is revoked. */
export function createRevokePolicy(endReused: EndReused) {
  return async (ctx: KoaContextWithOIDC): Promise<boolean> => {
    const { route, entities } = ctx.oidc;
    // At the token endpoint this is only ever asked because something used came back.
    if (route === 'token') await endReused(ctx);
    // The host's own rule: an access token that is handed back takes nothing else along.
    return !(route === 'revocation' && entities.AccessToken);
  };
}
