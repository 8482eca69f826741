/**
 * What a gateway is answered: who it is, in headers for the API behind it, or what is wrong
 * with the token, in the words a client understands (RFC 6750 section 3, RFC 9449 section 7.1,
 * RFC 9470 section 3).
 */
import type { Demand, LivingToken } from '../../flows/verify-access.js';
import { clientSigningAlgs } from '../../kernel/signing-algs.js';
import type { AppContext } from '../context.js';

/** How a proof may be signed, for the challenge (RFC 9449 section 7.1); what discovery says. */
const PROOFS = `algs="${clientSigningAlgs.join(' ')}"`;

/**
 * Every one of them each time, empty where there is nothing to say: a gateway that copies them
 * then writes over what the caller may have sent under these names.
 */
export function describeToken(ctx: AppContext, token: LivingToken): void {
  const told: Readonly<Record<string, string | number | undefined>> = {
    'X-Auth-Subject': token.subject,
    'X-Auth-Client': token.clientId,
    'X-Auth-Scope': [...token.scopes].join(' '),
    'X-Auth-Audience': token.audience,
    'X-Auth-Acr': token.acr,
    'X-Auth-Amr': token.amr.join(' '),
    'X-Auth-Auth-Time': token.authTime,
    'X-Auth-Expires': token.expiresAt,
    'X-Auth-Act': token.act === undefined ? undefined : asciiJson(token.act),
    'X-Auth-Authorization-Details':
      token.authorizationDetails.length === 0 ? undefined : asciiJson(token.authorizationDetails),
  };
  for (const [name, value] of Object.entries(told)) ctx.set(name, headerValue(value ?? ''));
}

/** Nothing that could end a header or start another one; what is not ASCII is no header value. */
const headerValue = (value: string | number): string => String(value).replace(/[^\x20-\x7e]/g, '?');

/** JSON in which everything beyond ASCII is written as an escape, so nothing of it is lost. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

type Refusal = {
  readonly status: 401 | 403;
  readonly error: string;
  readonly description: string;
  readonly more?: Readonly<Record<string, string | number | undefined>>;
};

/** No token at all: how one could be sent, and no error (RFC 6750 section 3.1). */
export function askForToken(ctx: AppContext, proofs: boolean): void {
  ctx.status = 401;
  ctx.set('WWW-Authenticate', proofs ? `Bearer, DPoP ${PROOFS}` : 'Bearer');
  ctx.body = { error: 'unauthorized', error_description: 'An access token is required' };
}

export function refuseToken(ctx: AppContext, scheme: 'Bearer' | 'DPoP', refusal: Refusal): void {
  const { status, error, description, more = {} } = refusal;
  const parameters = { error, error_description: description, ...more };
  const listed = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}="${headerValue(value ?? '')}"`);
  if (scheme === 'DPoP') listed.push(PROOFS);
  ctx.status = status;
  ctx.set('WWW-Authenticate', `${scheme} ${listed.join(', ')}`);
  ctx.body = { error, error_description: description };
}

export const insufficientScope = ({ scopes }: Demand): Refusal => ({
  status: 403,
  error: 'insufficient_scope',
  description: 'The access token does not carry the scope this needs',
  more: { scope: scopes.join(' ') },
});

/** With what a client has to put into its next authorization request. */
export const insufficientLogin = ({ acr, maxAge }: Demand): Refusal => ({
  status: 401,
  error: 'insufficient_user_authentication',
  description: 'A stronger or more recent log-in is needed',
  more: { acr_values: acr, max_age: maxAge },
});
