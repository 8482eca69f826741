/**
 * `/oauth2/verify`: may this request pass? For gateways that ask before they let a request
 * through to an API (nginx `auth_request`, Traefik ForwardAuth, Envoy ext_authz, Kong).
 *
 * 401 and 403 are about the token, and gateways pass them on. All that is wrong with the gateway
 * itself is a 500: nobody's sign-in is to be ended by a secret that was mistyped in a gateway.
 */
import type { VerifyAccess } from '../../flows/verify-access.js';
import { AppError } from '../../kernel/errors.js';
import { readAuthorization } from '../api/authorization.js';
import type { AppContext, AppMiddleware } from '../context.js';
import { type ClientAuthFailures, readBasic } from '../middleware/client-auth-limit.js';
import {
  askForToken,
  describeToken,
  insufficientLogin,
  insufficientScope,
  refuseToken,
} from './answer.js';
import { readDescription, readQuestion, VERIFY_PATH } from './gateway-request.js';

export type VerifyParts = {
  readonly verifyAccess: VerifyAccess;
  readonly failures: ClientAuthFailures;
};

/** Any method: some gateways ask with the one of the request they ask for. Nothing is changed. */
export function verifyRoute({ verifyAccess, failures }: VerifyParts): AppMiddleware {
  return async (ctx, next) => {
    if (ctx.path !== VERIFY_PATH) return next();
    ctx.state.route = VERIFY_PATH;
    const gateway = await admittedGateway(ctx, failures);
    const question = readQuestion(ctx);
    const { demand, style } = question;
    const presented = readAuthorization(ctx);
    const passage = await verifyAccess({
      gateway,
      demand,
      carried: presented && {
        scheme: presented.scheme,
        value: presented.token,
        proof: ctx.get('DPoP'),
      },
      described: readDescription(ctx, question),
    });
    const scheme = presented?.scheme ?? 'Bearer';
    switch (passage.kind) {
      case 'allowed':
        describeToken(ctx, passage.token);
        ctx.status = 200;
        ctx.body = '';
        return undefined;
      case 'no-token':
        return askForToken(ctx, style !== undefined);
      case 'invalid-token':
        return refuseToken(ctx, scheme, {
          status: 401,
          error: 'invalid_token',
          description: passage.why,
        });
      case 'bad-proof':
        return refuseToken(ctx, 'DPoP', {
          status: 401,
          error: 'invalid_dpop_proof',
          description: 'The DPoP proof does not hold',
        });
      case 'insufficient-scope':
        return refuseToken(ctx, scheme, insufficientScope(demand));
      case 'insufficient-login':
        return refuseToken(ctx, scheme, insufficientLogin(demand));
      case 'unknown-gateway':
        await failures.record({ clientId: gateway.clientId, ip: ctx.state.ip });
        throw new AppError('gateway_refused', { detail: 'The gateway’s credentials are wrong' });
      case 'unreadable-request':
        throw new AppError('gateway_refused', {
          detail: `The headers ${style}-… do not tell a request`,
        });
      case 'foreign-audience':
        throw new AppError('gateway_refused', {
          detail: 'The gateway does not speak for this audience',
        });
    }
  };
}

/** Who says to be asking, unless it has guessed too often (as at every other endpoint). */
async function admittedGateway(ctx: AppContext, failures: ClientAuthFailures) {
  const { ip } = ctx.state;
  const named = readBasic(ctx.get('X-Gateway-Authorization'));
  const verdict = await failures.check({ clientId: named?.clientId, ip });
  if (verdict.kind === 'limited') {
    const { retryAfterSeconds } = verdict;
    const detail = 'Too many failed authentications of gateways';
    throw new AppError('gateway_refused', { detail, retryAfterSeconds });
  }
  if (!named) {
    throw new AppError('gateway_refused', { detail: 'X-Gateway-Authorization is missing' });
  }
  return named;
}
