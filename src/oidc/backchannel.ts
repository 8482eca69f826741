/**
 * Client-initiated backchannel authentication (OpenID Connect CIBA Core 1.0) where the protocol
 * host leaves something to decide: who is meant, what may be asked, and how requests are stored.
 */
import Provider, { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import {
  type ArtifactKey,
  type Grants,
  type Payload,
  POLL_SECONDS,
} from '../domain/grants/index.js';
import { type Identity, isEmailAddress } from '../domain/identity/index.js';
import type { AskForApproval } from '../flows/approvals/ask.js';
import type { DeliverPing } from '../flows/approvals/ping.js';
import { isId } from '../kernel/ids.js';
import { demandOf } from './asked-for.js';
import { factsOf, type HostClient } from './clients.js';
import type { Directory } from './directory.js';
import { guarded } from './errors.js';
import { reasonOf } from './logout-notices.js';
import { findSlowly } from './polling.js';

type FindAccount = NonNullable<Configuration['findAccount']>;
type Ciba = NonNullable<NonNullable<Configuration['features']>['ciba']>;

/** Too many requests to one person, or of one client. */
class TooManyRequests extends errors.OIDCProviderError {
  constructor() {
    super(429, 'temporarily_unavailable');
    this.error_description = 'too many authentication requests, try again later';
    this.allow_redirect = false;
  }
}

// Letters, figures and common signs: no control character and none that turns the direction of
// writing around, with which a sum can be made to look like another (Unicode TR 36).
const MESSAGE = /^[\p{L}\p{M}\p{N}\p{P}\p{Sc}\p{Sm} ]{1,100}$/u;

/** Whom requests mean that mean nobody: their context → the id that stands in. */
const nobodies = new WeakMap<object, string>();

/** `features.ciba` of the host's configuration. */
export function ciba(
  identity: Pick<Identity, 'findByLogin' | 'standInFor'>,
  directory: Pick<Directory, 'findResourceServer'>,
): Ciba {
  return {
    enabled: true,
    deliveryModes: ['poll', 'ping'],

    async processLoginHint(_ctx, hint) {
      if (!hint || !isEmailAddress(hint)) {
        throw new errors.InvalidRequest('login_hint must be an e-mail address');
      }
      // Both are always worked out, as everywhere where somebody names an account.
      const found = await guarded(() => identity.findByLogin(hint));
      const nobody = identity.standInFor(hint);
      return found?.id ?? nobody;
    },

    async processLoginHintToken() {
      throw new errors.InvalidRequest(
        'login_hint_token is not supported, use login_hint or id_token_hint',
      );
    },

    async validateBindingMessage(_ctx, message) {
      if (message !== undefined && !MESSAGE.test(message)) {
        throw new errors.InvalidBindingMessage(
          'binding_message must be 1 to 100 letters, digits, blanks and common signs',
        );
      }
    },

    async validateRequestContext(ctx, context) {
      if (context !== undefined) {
        throw new errors.InvalidRequest('request_context is not supported');
      }
      // What nobody could ever prove is refused now and not on the owner's page.
      await guarded(() => demandOf(directory, ctx.oidc.params ?? {}));
    },

    async verifyUserCode(_ctx, _account, userCode) {
      if (userCode !== undefined) throw new errors.InvalidRequest('user_code is not supported');
    },

    // The letter was queued with the request itself; here it only says how often to ask.
    async triggerAuthenticationDevice(ctx) {
      (ctx.body as { interval?: number }).interval = POLL_SECONDS;
    },
  };
}

/**
 * Somebody who is not there is found as well, as long as a request is looked at: it gets the same
 * answer, and waits for nobody. So are staff, who are never asked: no telephone order is worth a
 * way around the page they sign in on.
 */
export function findAnybody(
  find: FindAccount,
  identity: Pick<Identity, 'standInFor'>,
): FindAccount {
  return async (ctx, sub, token) => {
    if (ctx.oidc.route !== 'backchannel_authentication') return find(ctx, sub, token);
    const id = isId(sub) ? sub : identity.standInFor(sub);
    const account = await find(ctx, id, token);
    if (account && account.kind !== 'staff') return account;
    nobodies.set(ctx, id);
    return { accountId: id, claims: async () => ({ sub: id }) };
  };
}

/** A replayed request would ring at the shopper's again: each counts once (CIBA 7.1.1). */
export async function refuseUsedRequests(
  ctx: KoaContextWithOIDC,
  claims: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (ctx.oidc.route !== 'backchannel_authentication') return;
  const { iat, nbf, jti, exp, iss } = claims;
  if (typeof iat !== 'number' || typeof nbf !== 'number' || typeof jti !== 'string') {
    throw new errors.InvalidRequestObject('the request object must have iat, nbf and jti');
  }
  const { ReplayDetection } = ctx.oidc.provider;
  if (!(await ReplayDetection.unique(String(iss), jti, Number(exp)))) {
    throw new errors.InvalidRequestObject('the request object was used before');
  }
}

/** What the host saves of a request, or of the grant that an answer to it makes. */
export type Saved = {
  readonly key: ArtifactKey;
  readonly payload: Payload;
  readonly ttlSeconds: number;
};

/** Stores a request that has just come in. Throws where it must not be asked. */
export type StoreRequest = (request: Saved) => Promise<void>;

export function createStoreRequest(
  ask: AskForApproval,
  originOf: (ctx: object) => Parameters<AskForApproval>[0]['origin'],
): StoreRequest {
  return async (request) => {
    const ctx = Provider.ctx;
    const client = ctx?.oidc.client as HostClient | undefined;
    if (!ctx || !client) throw new Error('A request for an approval came from nowhere');
    const nobody = nobodies.get(ctx);
    const { id, name } = factsOf(client).client;
    const asked = await ask({
      ...request,
      subjectId: nobody ?? String(request.payload.accountId),
      known: nobody === undefined,
      client: { id, name },
      origin: originOf(ctx),
    });
    if (asked.kind === 'stopped') {
      throw new errors.AccessDenied('the end-user does not want to be asked by this client');
    }
    if (asked.kind === 'limited') {
      ctx.set('Retry-After', String(asked.retryAfterSeconds));
      throw new TooManyRequests();
    }
  };
}

type SendPing = (this: HostClient, request: object) => Promise<void>;

/** What the host would have done itself, by the provider it belongs to. */
const pings = new WeakMap<Provider, SendPing>();

/** One try to tell a client that its request was answered, through the present provider. */
export function createDeliverPing(host: { current(): Provider }): DeliverPing {
  return async ({ clientId }, { authReqId, token }) => {
    const provider = host.current();
    try {
      const client = await provider.Client.find(clientId);
      if (client?.backchannelTokenDeliveryMode !== 'ping') return { kind: 'unwanted' };
      await pings.get(provider)?.call(client, {
        kind: 'BackchannelAuthenticationRequest',
        jti: authReqId,
        params: { client_notification_token: token },
      });
      return { kind: 'delivered' };
    } catch (error) {
      return { kind: 'failed', why: reasonOf(error) };
    }
  };
}

/** Gives the provider's requests the rules above. */
export function teachBackchannel(provider: Provider, grants: Pick<Grants, 'notePoll'>): void {
  const { BackchannelAuthenticationRequest: Request } = provider;
  Request.find = findSlowly(
    Request.find.bind(Request) as (
      value: string,
      options?: object,
    ) => Promise<InstanceType<typeof Request> | undefined>,
    grants,
    ({ grantId, error }) => Boolean(grantId ?? error),
  ) as typeof Request.find;

  // It would notify clients from within the page that answers, once: here the queue does.
  const prototype = provider.Client.prototype as HostClient & { backchannelPing: SendPing };
  pings.set(provider, prototype.backchannelPing);
  prototype.backchannelPing = async () => undefined;

  // The host says of itself that it takes a `user_code`, whatever its configuration.
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route !== 'discovery') return;
    (ctx.body as Record<string, unknown>).backchannel_user_code_parameter_supported = false;
  });
}
