/**
 * What a token exchange asks for (RFC 8693 section 2.1), read once and narrowly: what is not
 * understood is refused rather than passed over.
 */
import { errors } from 'oidc-provider';
import { ACCOUNT_AUDIENCE, ADMIN_AUDIENCE } from '../domain/access/index.js';
import { isId } from '../kernel/ids.js';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
/** Ours: the subject is named by the id of an account, because there is no token of theirs. */
export const ACCOUNT_ID_TYPE = 'urn:latchkey:params:oauth:token-type:account-id';

export const exchangeParameters = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'resource',
  'audience',
  'scope',
  'reason',
] as const;

/** These may come several times (RFC 8693 section 2.1); naming two targets is refused by us. */
export const repeatable = ['resource', 'audience'] as const;

type Common = {
  /** The one API that the new token is for. */
  readonly target: string;
  /** Empty: as many as may be had. */
  readonly scopes: readonly string[];
};

/** A service goes on with what somebody let an application do. */
export type OnBehalf = Common & { readonly kind: 'on-behalf'; readonly subjectToken: string };

/** One of staff acts for a shopper. */
export type ActingFor = Common & {
  readonly kind: 'acting-for';
  readonly shopperId: string;
  readonly actorToken: string;
  readonly reason: string;
};

type Parameters = Readonly<Partial<Record<(typeof exchangeParameters)[number], unknown>>>;

// Format characters are left out as well: with them a reason could be made to read as another one
// in the record (Unicode TR 36, bidirectional text).
const REASON = /^[^\p{C}\p{Zl}\p{Zp}]{10,500}$/u;

/** @throws OAuth errors for whoever wrote the client */
export function readExchange(parameters: Parameters): OnBehalf | ActingFor {
  const { requested_token_type: requested } = parameters;
  if (requested !== undefined && requested !== ACCESS_TOKEN_TYPE) {
    throw new errors.InvalidRequest('requested_token_type can only be an access token');
  }
  const subject = required(parameters, 'subject_token');
  const type = required(parameters, 'subject_token_type');
  const common = () => ({ target: targetOf(parameters), scopes: scopesOf(parameters) });
  if (type === ACCESS_TOKEN_TYPE) {
    if (parameters.actor_token !== undefined || parameters.actor_token_type !== undefined) {
      throw new errors.InvalidRequest('the actor is the client itself; actor_token is not taken');
    }
    refuseStructured(subject);
    return { kind: 'on-behalf', subjectToken: subject, ...common() };
  }
  if (type !== ACCOUNT_ID_TYPE) {
    throw new errors.InvalidRequest('subject_token_type is not supported');
  }
  const actorToken = required(parameters, 'actor_token');
  if (required(parameters, 'actor_token_type') !== ACCESS_TOKEN_TYPE) {
    throw new errors.InvalidRequest('actor_token_type is not supported');
  }
  const reason = required(parameters, 'reason').trim();
  if (!REASON.test(reason)) {
    throw new errors.InvalidRequest('reason must be 10 to 500 printable characters');
  }
  const shopperId = subject.toLowerCase();
  if (!isId(shopperId)) throw unacceptableSubject();
  return { kind: 'acting-for', shopperId, actorToken, reason, ...common() };
}

/** One answer for every subject that is none (RFC 8693 section 2.2.2): it tells nobody why. */
export function unacceptableSubject(): Error {
  return new errors.InvalidRequest('subject_token is not acceptable');
}

function required(parameters: Parameters, name: keyof Parameters): string {
  const value = parameters[name];
  if (typeof value !== 'string' || value === '') {
    throw new errors.InvalidRequest(`missing required parameter(s) '${name}'`);
  }
  return value;
}

/**
 * A JWT is kept nowhere, so nobody could say whether it has been taken back, nor what the person
 * allowed; what would be made from it could not be ended with it.
 */
function refuseStructured(token: string): void {
  if (token.split('.').length === 3) {
    throw new errors.InvalidRequest(
      'subject_token is a JWT; only opaque access tokens can be exchanged',
    );
  }
}

/** `audience` and `resource` name the same thing here (RFC 8693 section 2.1, RFC 8707). */
function targetOf({ resource, audience }: Parameters): string {
  const named = new Set([resource, audience].flat().filter((value) => value !== undefined));
  const [target, ...others] = named;
  if (typeof target !== 'string' || others.length > 0) {
    throw new errors.InvalidTarget('resource, or audience, must name exactly one API');
  }
  // Whoever could get there could change the account, or the shop.
  if (target === ACCOUNT_AUDIENCE || target === ADMIN_AUDIENCE) throw new errors.InvalidTarget();
  return target;
}

function scopesOf({ scope }: Parameters): string[] {
  return typeof scope === 'string' ? [...new Set(scope.split(' ').filter(Boolean))] : [];
}
