/**
 * The token behind somebody's account pages, judged as introspection judges it (RFC 7662): the
 * same look-up, the same binding to the browser's session, the same grant. So whatever ends a
 * token for an API ends it here, at the next request and on every node.
 */
import { ACCOUNT_AUDIENCE } from '../domain/access/index.js';
import type { FindAccountToken } from '../flows/account/owner.js';
import { guarded } from './errors.js';
import type { Host } from './host.js';

export function createFindAccountToken(
  host: Pick<Host, 'current'>,
  clientId: string,
): FindAccountToken {
  return async (value) => {
    const provider = host.current();
    const token = await guarded(() => provider.AccessToken.find(value));
    if (!token?.isValid || token.clientId !== clientId || token.aud !== ACCOUNT_AUDIENCE) {
      return undefined;
    }
    const { accountId, grantId, sessionUid } = token;
    const grant = grantId ? await guarded(() => provider.Grant.find(grantId)) : undefined;
    if (!grant || grant.clientId !== clientId || grant.accountId !== accountId) return undefined;
    // What a sender is bound to is no bearer's (RFC 9449 section 7.1), and a token that no
    // session stands behind could not be ended by signing out.
    if (token.isSenderConstrained() || !sessionUid || !token.expiresWithSession) return undefined;
    const { auth_time: authTime, acr } = (token.extra ?? {}) as Record<string, unknown>;
    return {
      accountId,
      sessionUid,
      authTime: typeof authTime === 'number' ? authTime : 0,
      acr: typeof acr === 'string' ? acr : undefined,
    };
  };
}
