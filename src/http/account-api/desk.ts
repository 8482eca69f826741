/**
 * What every request of the self-service API goes through: a token of its own audience that is
 * alive at this moment, from a page that may hold it, with the scope of the operation and, where
 * that changes something, a fresh proof behind it. The browser's cookies are not looked at, so
 * there is nothing here for another site to ride on (CSRF, CWE-352).
 */
import type { Context } from 'koa';
import type { Caller, CallerRefusal, IdentifyCaller } from '../../flows/account/caller.js';
import { missingProof } from '../../flows/account/owner.js';
import type { Clock } from '../../kernel/clock.js';
import { AppError } from '../../kernel/errors.js';
import { challenge, type Presented, readAuthorization, type Scheme } from '../api/authorization.js';
import { parseBody, readJson } from '../api/body.js';
import type { AppContext } from '../context.js';
import { FORM_LIMIT } from '../middleware/limits.js';
import { visitorOf } from '../visitor.js';
import { refuseOrigin } from './cors.js';
import type { Operation } from './operation.js';

export type ApiDeskParts = {
  readonly issuer: string;
  readonly identifyCaller: IdentifyCaller;
  readonly clock: Clock;
};

/** The device cookie is a cookie too: whoever asks here comes without one. */
const NO_DEVICES = { read: () => [] };

export function createApiDesk({ issuer, identifyCaller, clock }: ApiDeskParts) {
  const json = readJson(FORM_LIMIT);

  const callerOf = async (ctx: AppContext, presented: Presented | undefined): Promise<Caller> => {
    if (!presented) {
      challenge(ctx, {});
      throw new AppError('unauthenticated');
    }
    const { scheme, token: value } = presented;
    const proof = { jwt: ctx.get('DPoP'), method: ctx.method, url: issuer + ctx.path };
    const result = await identifyCaller(scheme === 'DPoP' ? { value, proof } : { value });
    if (result.kind !== 'caller') throw refusalOf(ctx, result, scheme);
    return result.caller;
  };

  return async (ctx: AppContext, operation: Operation): Promise<void> => {
    const presented = readAuthorization(ctx);
    const caller = await callerOf(ctx, presented);
    const { owner, clientId, webOrigins } = caller;
    refuseOrigin(ctx, webOrigins);
    const { scope } = operation;
    if (!caller.may(scope)) {
      challenge(ctx, { error: 'insufficient_scope', scope }, presented?.scheme);
      throw new AppError('insufficient_scope', { detail: `This needs the scope ${scope}` });
    }
    const missing = operation.fresh ? missingProof(owner, clock) : undefined;
    if (missing) {
      // What to ask the authorization endpoint for (RFC 9470 section 3).
      const asked = {
        error: 'insufficient_user_authentication',
        error_description: 'A log-in of the last five minutes is needed',
        ...(missing.acr ? { acr_values: missing.acr } : {}),
        max_age: missing.maxAge,
      };
      challenge(ctx, asked, presented?.scheme);
      throw new AppError('insufficient_user_authentication');
    }
    if (operation.body) {
      if (ctx.request.is('json') === false) throw new AppError('unsupported_media_type');
      await json(ctx as unknown as Context, async () => undefined);
    }
    const body = operation.body ? parseBody(ctx, operation.body) : undefined;
    const visitor = visitorOf(ctx, NO_DEVICES);
    const answer = await operation.work({
      owner,
      caller,
      visitor: { ...visitor, origin: { ...visitor.origin, clientId } },
      // No id of anything has such characters, and the database would not take them.
      id: String(ctx.params.id ?? '').replace(/[^\x21-\x7e]/g, '?'),
      query(name) {
        const value = ctx.query[name];
        return typeof value === 'string' ? value : undefined;
      },
      // Each operation's own shape has just been seen to.
      body: body as never,
    });
    if (operation.answer) ctx.body = answer;
    else ctx.status = 204;
  };
}

/** RFC 6750 section 3.1: a token that is none is 401, one that can never be enough is 403. */
function refusalOf(ctx: AppContext, { kind }: CallerRefusal, scheme: Scheme): AppError {
  const invalid = (error_description: string) => {
    challenge(ctx, { error: 'invalid_token', error_description }, scheme);
    return new AppError('unauthenticated', { detail: error_description });
  };
  switch (kind) {
    case 'unknown':
      challenge(ctx, { error: 'invalid_token' }, scheme);
      return new AppError('unauthenticated');
    case 'wrong-audience':
      return invalid('The token is not for this API');
    case 'without-session':
      return invalid('The token outlives its log-in; ask for it without offline_access');
    case 'bad-proof':
      challenge(ctx, { error: 'invalid_dpop_proof' }, 'DPoP');
      return new AppError('unauthenticated', { detail: 'The DPoP proof does not hold' });
    case 'machine':
      return new AppError('forbidden', { detail: 'A token of a machine has no account' });
  }
}
