/**
 * Token exchange (RFC 8693): a service goes on with what somebody let an application do, or one
 * of staff acts for a shopper. Either way the new token is for one API, carries no more than all
 * sides allow, says who uses it (`act`), is never renewed, and ends with what it was made from.
 */
import Provider, { errors, type TokenEndpointGrantContext } from 'oidc-provider';
import {
  buildTokenResponse,
  checkDpopReplay,
  checkDpopRequired,
  checkMtlsCert,
  validateDpop,
} from 'oidc-provider/lib/helpers/grants.js';
import type { ResourceServer } from '../domain/access/index.js';
import type { Grants } from '../domain/grants/index.js';
import { ACR_TWO_FACTORS } from '../domain/signin/index.js';
import type { ActForShopper } from '../flows/act-for-shopper.js';
import { type Clock, epochSeconds } from '../kernel/clock.js';
import { type Delegated, delegate } from './delegation.js';
import type { Directory } from './directory.js';
import { guarded } from './errors.js';
import { resourceServerInfo } from './resources.js';
import { assuranceOf, meets } from './step-up.js';
import {
  ACCESS_TOKEN_TYPE,
  type ActingFor,
  exchangeParameters,
  type OnBehalf,
  readExchange,
  repeatable,
  TOKEN_EXCHANGE,
  unacceptableSubject,
} from './token-exchange-request.js';
import { findActor, findSubject, type Presented } from './token-exchange-tokens.js';

export type ExchangeParts = {
  readonly directory: Directory;
  readonly grants: Pick<Grants, 'find' | 'saveDelegated'>;
  readonly clock: Clock;
  /** The flow; where the request came from is the caller's to find out. */
  actForShopper(
    input: Omit<Parameters<ActForShopper>[0], 'origin'> & { readonly requestContext: object },
  ): ReturnType<ActForShopper>;
};

/** How many services may stand in a row. */
const LONGEST_CHAIN = 3;
/** A hand on somebody else's account is let go soon, however long the API's tokens live. */
const ACTING_SECONDS = 600;
/** How old the two factors of staff may be. */
const ACTING_LOGIN_SECONDS = 900;

/** What the new token will be, as far as the exchange decides it. */
type Plan = Delegated & {
  readonly accountId: string;
  readonly scopes: readonly string[];
  readonly longest: number;
  /** The key that the new token has to be bound to as well. */
  readonly boundLike?: Presented['token'];
};

type Target = {
  readonly server: ResourceServer;
  readonly info: Awaited<ReturnType<typeof resourceServerInfo>>;
  /** What the client was granted of it. */
  readonly granted: readonly string[];
};

/** Adds the grant to a provider. */
export function registerTokenExchange(provider: Provider, parts: ExchangeParts): void {
  provider.registerGrantType(
    TOKEN_EXCHANGE,
    (ctx) => exchange(ctx, parts),
    exchangeParameters,
    repeatable,
  );
}

async function exchange(ctx: TokenEndpointGrantContext, parts: ExchangeParts): Promise<void> {
  const { client, params, provider } = ctx.oidc;
  // Its name is all that a public client has, and everybody knows that.
  if (client.clientAuthMethod === 'none') {
    throw new errors.UnauthorizedClient('only a client that authenticates may exchange tokens');
  }
  const asked = readExchange(params);
  const proof = await validateDpop(provider, ctx);
  const certificate = checkMtlsCert(provider, ctx);
  checkDpopRequired(provider, ctx, proof);
  const target = await findTarget(ctx, parts, asked.target);
  const plan =
    asked.kind === 'on-behalf'
      ? await planOnBehalf(ctx, parts, asked, target)
      : await planActing(ctx, parts, asked, target);

  const token = new provider.AccessToken({
    accountId: plan.accountId,
    client,
    // It hangs on the grant in the row that is written: here, the host would take the grant for
    // this client's own.
    grantId: undefined as unknown as string,
    gty: 'token_exchange',
    resourceServer: new provider.ResourceServer(asked.target, target.info),
    expiresIn: Math.min(plan.longest, target.server.accessTokenTtl),
    scope: plan.scopes.join(' '),
  });
  if (certificate) token.setThumbprint('x5t', certificate);
  // After everything that may be refused, so that a proof is used up by its owner's success.
  await checkDpopReplay(provider, ctx, proof, client.clientId);
  if (proof) token.setThumbprint('jkt', proof.thumbprint);
  if (plan.boundLike) refuseOtherKey(plan.boundLike, token);

  delegate(ctx, plan);
  ctx.oidc.entity('AccessToken', token);
  const accessToken = await token.save();
  ctx.body = buildTokenResponse(provider, {
    accessToken,
    issuedTokenType: ACCESS_TOKEN_TYPE,
    tokenType: token.tokenType,
    expiresIn: token.expiration,
    scope: token.scope,
  });
}

async function findTarget(
  ctx: TokenEndpointGrantContext,
  { directory }: ExchangeParts,
  indicator: string,
): Promise<Target> {
  const info = await resourceServerInfo(directory, ctx, indicator, ctx.oidc.client);
  const server = await guarded(() => directory.findResourceServer(indicator));
  if (!server) throw new errors.InvalidTarget();
  return { server, info, granted: (info.scope ?? '').split(' ').filter(Boolean) };
}

/** No more than the client was granted there, and no more than the person allowed. */
async function planOnBehalf(
  ctx: TokenEndpointGrantContext,
  parts: ExchangeParts,
  asked: OnBehalf,
  target: Target,
): Promise<Plan> {
  const { client, provider } = ctx.oidc;
  const subject = await findSubject(ctx, parts, asked.subjectToken);
  if (!subject) throw unacceptableSubject();
  const { token, artifact, login } = subject;
  if (artifact.restsOn.length >= LONGEST_CHAIN) {
    throw new errors.InvalidRequest('subject_token has been exchanged too often');
  }
  const allowed =
    asked.target === subject.audience
      ? [...token.scopes]
      : new provider.Grant({ ...artifact.grant }).getResourceScope(asked.target).split(' ');
  const possible = target.granted.filter((scope) => allowed.includes(scope));
  const scopes = asked.scopes.length > 0 ? asked.scopes : possible;
  refuseMissing(scopes, possible);
  refuseWeakLogin(scopes, target.server, login, parts.clock);
  const act = { client_id: client.clientId, ...(subject.act ? { act: subject.act } : {}) };
  const delegation = {
    restsOn: [...artifact.restsOn, artifact.idHash],
    grantHash: artifact.grantHash,
  };
  return {
    accountId: token.accountId,
    scopes,
    longest: subject.remaining,
    claims: { ...login, act },
    restsOn: delegation.restsOn,
    keep: (key, payload, ttl) => parts.grants.saveDelegated(key, payload, ttl, delegation),
  };
}

/** No more than the client was granted there, by its name, and nothing that asks for the person. */
async function planActing(
  ctx: TokenEndpointGrantContext,
  parts: ExchangeParts,
  asked: ActingFor,
  target: Target,
): Promise<Plan> {
  const { clientId } = ctx.oidc.client;
  const actor = await findActor(ctx, parts, asked.actorToken);
  if (!actor) throw new errors.InvalidRequest('actor_token is not acceptable');
  refuseOldLogin(actor, parts.clock);
  if (target.server.format !== 'opaque') {
    throw new errors.InvalidTarget('tokens of this API cannot be taken back at once');
  }
  const { scopes, target: indicator, shopperId, reason } = asked;
  refuseMissing(scopes, target.granted);
  const personal = target.server.scopes.find(
    (scope) => scopes.includes(scope.name) && (scope.requiredAcr || scope.maxAgeSeconds),
  );
  if (personal) {
    throw new errors.InvalidScope('this asks for a log-in of the shopper', personal.name);
  }
  const staffId = actor.token.accountId;
  const restsOn = [actor.artifact.idHash];
  return {
    accountId: shopperId,
    scopes,
    longest: Math.min(ACTING_SECONDS, actor.remaining),
    // Nothing of a log-in: the subject has not logged in.
    claims: { act: { sub: staffId, client_id: clientId } },
    restsOn,
    ...(actor.token.isSenderConstrained() ? { boundLike: actor.token } : {}),
    async keep(key, payload, ttlSeconds) {
      const token = { key, payload, ttlSeconds, restsOn };
      const asking = { staffId, shopperId, clientId, indicator, scopes, reason };
      const result = await parts.actForShopper({ ...asking, token, requestContext: ctx });
      if (result.kind === 'acting') return;
      throw result.cause === 'staff'
        ? new errors.InvalidRequest('actor_token: no permission to act for shoppers')
        : unacceptableSubject();
    },
  };
}

function refuseMissing(scopes: readonly string[], possible: readonly string[]): void {
  const missing = scopes.find((scope) => !possible.includes(scope));
  if (missing !== undefined) throw new errors.InvalidScope('more than is allowed', missing);
  if (scopes.length === 0) throw new errors.InvalidScope('no scope is left, or none named', '');
}

/** What a scope asks of the log-in (RFC 9470) it asks of the one behind the subject token. */
function refuseWeakLogin(
  scopes: readonly string[],
  server: ResourceServer,
  login: Presented['login'],
  clock: Clock,
): void {
  const asked = { acrValues: undefined, claims: undefined, scopes: new Set(scopes) };
  const demand = assuranceOf({ ...asked, servers: [server] });
  const age = epochSeconds(clock.now()) - (login.auth_time ?? 0);
  if (meets(login.acr, demand) && age <= (demand.maxAge ?? Infinity)) return;
  throw new errors.InvalidScope(
    'the log-in behind subject_token is not strong or fresh enough',
    scopes.join(' '),
  );
}

function refuseOldLogin({ login }: Presented, clock: Clock): void {
  const age = epochSeconds(clock.now()) - (login.auth_time ?? 0);
  const twoFactors = meets(login.acr, { acr: ACR_TWO_FACTORS, maxAge: undefined });
  if (twoFactors && age <= ACTING_LOGIN_SECONDS) return;
  throw new errors.InvalidRequest(
    'actor_token: needs a log-in with two factors in the last fifteen minutes',
  );
}

/** A bound token that was stolen must not become one that anybody can use (RFC 9449). */
function refuseOtherKey(bound: Presented['token'], made: Presented['token']): void {
  if (bound.jkt === made.jkt && bound['x5t#S256'] === made['x5t#S256']) return;
  throw new errors.InvalidRequest('actor_token is bound to another key');
}
