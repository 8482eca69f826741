/**
 * Tokens for somebody's own account, judged as introspection judges them (RFC 7662): the same
 * look-up, the same binding to the browser's session, the same grant. So whatever ends a token
 * for an API ends it here, at the next request and on every node.
 */
import { ACCOUNT_AUDIENCE } from '../domain/access/index.js';
import type { FindCallerToken } from '../flows/account/caller.js';
import type { AccountToken, FindAccountToken } from '../flows/account/owner.js';
import type { Clock } from '../kernel/clock.js';
import { factsOf } from './clients.js';
import { provesPossession } from './dpop-proof.js';
import { guarded } from './errors.js';
import type { Host } from './host.js';
import { findAccessToken, findGrantOf, type HostToken } from './living-tokens.js';

/** What it says of the log-in behind it; nothing of a token that outlives its session. */
function loginBehind(token: HostToken): AccountToken | undefined {
  const { accountId, sessionUid } = token;
  // A token that no session stands behind could not be ended by signing out.
  if (!sessionUid || !token.expiresWithSession) return undefined;
  const { auth_time: authTime, acr, amr } = (token.extra ?? {}) as Record<string, unknown>;
  return {
    accountId,
    sessionUid,
    authTime: typeof authTime === 'number' ? authTime : 0,
    acr: typeof acr === 'string' ? acr : undefined,
    amr: Array.isArray(amr) ? amr.map(String) : undefined,
  };
}

/** For the account pages: the token of their own client. */
export function createFindAccountToken(
  host: Pick<Host, 'current'>,
  clientId: string,
): FindAccountToken {
  return async (value) => {
    const provider = host.current();
    const token = await findAccessToken(provider, value);
    if (token?.clientId !== clientId || token.aud !== ACCOUNT_AUDIENCE) return undefined;
    // What a sender is bound to is no bearer's (RFC 9449 section 7.1).
    if (token.isSenderConstrained()) return undefined;
    return (await findGrantOf(provider, token)) && loginBehind(token);
  };
}

/** For the self-service API: the token of any client that was granted scopes of it. */
export function createFindCallerToken(host: Pick<Host, 'current'>, clock: Clock): FindCallerToken {
  return async ({ value, proof }) => {
    const provider = host.current();
    const token = await findAccessToken(provider, value);
    if (!token?.clientId) {
      const machine = await guarded(() => provider.ClientCredentials.find(value));
      return { kind: machine?.isValid ? 'machine' : 'unknown' };
    }
    const { clientId, jkt } = token;
    if (token.aud !== ACCOUNT_AUDIENCE) return { kind: 'wrong-audience' };
    if (token.isSenderConstrained() !== (proof !== undefined)) return { kind: 'unknown' };
    const parts = { provider, clock };
    if (proof && !(await provesPossession(parts, { clientId, value, jkt }, proof))) {
      return { kind: 'bad-proof' };
    }
    const grant = await findGrantOf(provider, token);
    const client = grant && (await guarded(() => provider.Client.find(clientId)));
    if (!grant || !client) return { kind: 'unknown' };
    const login = loginBehind(token);
    if (!login) return { kind: 'without-session' };
    const { client: registered, rights } = factsOf(client);
    const granted = rights.grants.get(ACCOUNT_AUDIENCE);
    const carried = [...token.scopes].filter((scope) => granted?.has(scope));
    return {
      kind: 'alive',
      token: {
        ...login,
        clientId,
        scopes: new Set(carried),
        identity: new Set(
          grant.getOIDCScopeFiltered(new Set(registered.identityScopes)).split(' '),
        ),
        webOrigins: registered.webOrigins,
      },
    };
  };
}
