/**
 * When somebody has to be asked something, and what an authorization may rest on: the
 * interaction policy, the grant behind a session, and offline access.
 */
import { decodeJwt } from 'jose';
import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import type { PaymentDetail } from '../kernel/payment.js';
import { isStorable } from '../kernel/storable.js';
import { leaveOutForeignClaims, personalClaims } from './claims-parameter.js';
import { factsOf, type HostClient } from './clients.js';
import type { Directory } from './directory.js';
import { guarded, UNSTORABLE } from './errors.js';
import { paymentApproval } from './payments.js';
import { refuseForeignScopes } from './resources.js';
import { refuseFragments } from './response-modes.js';
import { assuranceOf, meets } from './step-up.js';

/**
 * A request parameter of ours that survives pushing and interaction: the host drops
 * `offline_access` unless the client also asks for a consent page.
 */
export const OFFLINE_PARAM = 'latchkey_offline';

const { Check, base } = interactionPolicy;

/** The host's own policy, and step-up on top of it (RFC 9470). */
export function createInteractionPolicy(directory: Directory): ReturnType<typeof base> {
  const policy = base();
  const login = policy.get('login');
  // Ours asks once and then says that it cannot be had; theirs would ask for ever.
  login?.checks.remove('essential_acrs');
  login?.checks.remove('essential_acr');
  login?.checks.add(
    new Check(
      'assurance',
      'the log-in is not strong or fresh enough',
      'login_required',
      async (ctx) => {
        const { oidc } = ctx;
        const { session, params } = oidc;
        const servers = await Promise.all(
          Object.keys(oidc.resourceServers ?? {}).map((indicator) =>
            guarded(() => directory.findResourceServer(indicator)),
          ),
        );
        const demand = assuranceOf({
          acrValues: params?.acr_values,
          claims: params?.claims,
          scopes: oidc.requestParamScopes,
          servers: servers.filter((server) => server !== undefined),
        });
        if (!session?.accountId) return Check.NO_NEED_TO_PROMPT;
        const fresh =
          demand.maxAge === undefined || oidc.result?.login || !session.past(demand.maxAge);
        if (fresh && meets(session.acr, demand)) return Check.NO_NEED_TO_PROMPT;
        if (oidc.result?.login) {
          throw new errors.UnmetAuthenticationRequirements(
            'the log-in did not reach what was asked',
          );
        }
        return Check.REQUEST_PROMPT;
      },
    ),
  );
  // The session was alive a moment ago, and its account is closed or disabled since. The host
  // would go on without a grant and fall over it.
  login?.checks.add(
    new Check('account', 'there is no such account any more', 'login_required', ({ oidc }) =>
      oidc.session?.accountId && !oidc.account ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
    ),
  );
  // First-party applications on the device have just shown a log-in page of this server; asking
  // again protects nobody. Others are asked each time (RFC 8252 section 8.6).
  const consent = policy.get('consent');
  const native = consent?.checks.get('native_client_prompt');
  if (consent && native) {
    const ask = native.check;
    native.check = (ctx) =>
      isFirstParty(ctx.oidc.client) ? Check.NO_NEED_TO_PROMPT : ask.call(native, ctx);
  }
  consent?.checks.remove('rar_prompt');
  consent?.checks.add(paymentApproval);
  return policy;
}

function isFirstParty(client: HostClient | undefined): boolean {
  return client !== undefined && factsOf(client).client.firstParty;
}

/** What a person allowed on the consent page; the interaction's result carries it. */
export type AllowedConsent = {
  readonly openid: readonly string[];
  readonly claims: readonly string[];
  readonly resources: Readonly<Record<string, readonly string[]>>;
  /** Counts for this request alone, and never for the grant. */
  readonly payment?: PaymentDetail | undefined;
};

/**
 * The grant this authorization rests on. The shop's own clients get theirs without a page, by
 * the policy stored with them; all others from what was allowed on it. It is always saved in
 * the request that has the session, so that its life hangs on that log-in (see the adapter).
 */
export async function loadExistingGrant(ctx: KoaContextWithOIDC) {
  const { oidc } = ctx;
  const { client, session, provider, result } = oidc;
  if (!client || !session?.accountId) return undefined;
  const grantId = session.grantIdFor(client.clientId);
  const known = grantId ? await provider.Grant.find(grantId) : undefined;
  const firstParty = isFirstParty(client);
  const consent = result?.consent as { allowed?: AllowedConsent } | undefined;
  const allowed = firstParty ? undefined : consent?.allowed;
  if (!allowed && !firstParty) return known;

  const usable = known?.accountId === session.accountId ? known : undefined;
  const grant =
    usable ?? new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  const before = JSON.stringify([grant.openid, grant.resources]);
  if (allowed) {
    if (allowed.openid.length > 0) grant.addOIDCScope(allowed.openid.join(' '));
    if (allowed.claims.length > 0) grant.addOIDCClaims([...allowed.claims]);
    for (const [indicator, scopes] of Object.entries(allowed.resources)) {
      grant.addResourceScope(indicator, scopes.join(' '));
    }
  } else {
    const claims = personalClaims(oidc.params, factsOf(client).disclosure);
    const scopes = new Set([...oidc.requestParamOIDCScopes, ...claims.values()]);
    if (scopes.size > 0) grant.addOIDCScope([...scopes].join(' '));
    if (claims.size > 0) grant.addOIDCClaims([...claims.keys()]);
    for (const [indicator, server] of Object.entries(oidc.resourceServers ?? {})) {
      const scopes = [...oidc.requestParamScopes].filter((name) => server.scopes.has(name));
      if (scopes.length > 0) grant.addResourceScope(indicator, scopes.join(' '));
    }
  }
  if (!usable || before !== JSON.stringify([grant.openid, grant.resources])) await grant.save();
  return grant;
}

/**
 * Runs at the end of the checks of every authorization request, pushed or not: refuses fragments,
 * what cannot be stored and scopes beyond the allow-list, leaves out claims beyond it, and gives
 * the shop's own clients the `offline_access` they asked for (OpenID Connect Core 11 leaves the
 * condition to the server's policy).
 */
export function finishRequestChecks(
  ctx: KoaContextWithOIDC,
  value: string | undefined,
  client: HostClient,
): void {
  refuseFragments(ctx);
  refuseUnstorable(ctx);
  refuseForeignScopes(ctx, client);
  const { params } = ctx.oidc;
  if (!params) return;
  const { client: facts, disclosure } = factsOf(client);
  leaveOutForeignClaims(params, disclosure);
  const asked = value !== undefined || rawScope(ctx).includes('offline_access');
  const may =
    facts.firstParty &&
    facts.grantTypes.includes('refresh_token') &&
    facts.identityScopes.includes('offline_access');
  params[OFFLINE_PARAM] = asked && may ? '1' : undefined;
  if (!asked || !may) return;
  const scopes = new Set(
    String(params.scope ?? '')
      .split(' ')
      .filter(Boolean),
  );
  scopes.add('offline_access');
  params.scope = [...scopes].join(' ');
}

/** Codes and tokens carry parts of the request with them: refused now, or a fault when they are made. */
function refuseUnstorable({ oidc: { params = {} } }: KoaContextWithOIDC): void {
  // Known to be JSON by now; there the characters are written as escapes.
  const claims: unknown = typeof params.claims === 'string' ? JSON.parse(params.claims) : undefined;
  if (isStorable(params) && isStorable(claims)) return;
  throw new errors.InvalidRequest(UNSTORABLE);
}

/**
 * The scopes as the client wrote them, which the host has taken `offline_access` out of by now.
 * Where there is a request object only that counts (RFC 9101 section 6.3), whether it is in the
 * address or was pushed: it has been checked, and whoever writes an address beside it has not.
 */
function rawScope(ctx: KoaContextWithOIDC): string[] {
  const outside = ctx.method === 'POST' ? (ctx.oidc.body ?? {}) : ctx.query;
  const object = ctx.oidc.entities.PushedAuthorizationRequest?.request ?? outside.request;
  const { scope } = typeof object === 'string' ? decodeJwt(object) : outside;
  return typeof scope === 'string' ? scope.split(' ') : [];
}
