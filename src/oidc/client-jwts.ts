/**
 * The two kinds of JWT that clients sign, and what the host does not ask of them: assertions
 * that prove who they are (RFC 7523), and authorization requests (RFC 9101). Signature,
 * algorithm, `iss`, `exp`, `nbf` and, for assertions, single use have been checked before.
 */
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { isFapi, maySignRequests } from '../domain/clients/index.js';
import { type Clock, epochSeconds } from '../kernel/clock.js';
import { factsOf, type HostClient } from './clients.js';

type Claims = Readonly<Record<string, unknown>>;
type Refusal = new (description: string) => Error;

const SKEW_SECONDS = 15;
const ASSERTION_SECONDS = 300;
const REQUEST_SECONDS = 3600;
/** A clock may be wrong by a little; a signature from tomorrow is a supply of them. */
const AHEAD_SECONDS = 60;

/** Headers by which a sender would bring the key to check it with (OWASP ASVS 9.1.3). */
const KEY_HEADERS = ['jku', 'jwk', 'x5u', 'x5c'];

function refuseSuppliedKey(header: Claims, what: string, Refused: Refusal): void {
  if (KEY_HEADERS.some((name) => name in header)) {
    throw new Refused(`the ${what} must not bring its own key`);
  }
}

/** FAPI 2.0 section 5.3.2.1: ten seconds ahead are a clock, more than sixty are not. */
function refuseFromTheFuture(now: number, claims: Claims, what: string, Refused: Refusal): void {
  for (const name of ['iat', 'nbf']) {
    const at = claims[name];
    if (typeof at === 'number' && at > now + AHEAD_SECONDS) {
      throw new Refused(`the ${what} is from the future (${name})`);
    }
  }
}

/**
 * Client assertions: for this issuer alone, which also keeps one server from using at another
 * what it was sent itself; for five minutes; and with no key the sender brought along (RFC 7523,
 * RFC 9700 section 2.5, FAPI 2.0 section 5.3.2.1).
 */
export function refuseLooseAssertions(
  clock: Clock,
  ctx: KoaContextWithOIDC,
  claims: Claims,
  header: Claims,
): void {
  const Refused = errors.InvalidClientAuth;
  const now = epochSeconds(clock.now());
  if (claims.aud !== ctx.oidc.issuer) {
    throw new Refused('the assertion must be for the issuer and nobody else');
  }
  if (typeof claims.exp !== 'number' || claims.exp > now + ASSERTION_SECONDS + SKEW_SECONDS) {
    throw new Refused('the assertion must expire within five minutes');
  }
  refuseFromTheFuture(now, claims, 'assertion', Refused);
  refuseSuppliedKey(header, 'assertion', Refused);
}

/**
 * Request objects: only from clients that are registered to sign (everybody else is told
 * `request_not_supported`), with an end within the hour, so that one that leaked does not work
 * for ever, and not what was signed for another purpose (RFC 8725 section 3.11, RFC 9101 section
 * 10.8). FAPI 2.0 Message Signing section 5.3.1 asks for `nbf` as well.
 */
export function refuseLooseRequests(
  clock: Clock,
  ctx: KoaContextWithOIDC,
  claims: Claims,
  header: Claims,
  client: HostClient,
): void {
  // What was pushed has been here when it was pushed.
  if ('PushedAuthorizationRequest' in ctx.oidc.entities) return;
  const Refused = errors.InvalidRequestObject;
  const now = epochSeconds(clock.now());
  const { client: registered } = factsOf(client);
  if (!isRegisteredToSign(ctx, registered)) throw new errors.RequestNotSupported();

  refuseSuppliedKey(header, 'request object', Refused);
  const { typ } = header;
  if (typ !== undefined && !/^(?:application\/)?(?:jwt|oauth-authz-req\+jwt)$/i.test(String(typ))) {
    throw new Refused('the request object is of another type');
  }
  if (claims.sub === client.clientId) throw new Refused('the request object is an assertion');
  if (typeof claims.exp !== 'number' || claims.exp > now + REQUEST_SECONDS + SKEW_SECONDS) {
    throw new Refused('the request object must expire within an hour');
  }
  refuseFromTheFuture(now, claims, 'request object', Refused);
  if (!isFapi(registered)) return;
  const { nbf } = claims;
  if (typeof nbf !== 'number' || nbf < now - REQUEST_SECONDS - SKEW_SECONDS) {
    throw new Refused('the request object must say since when it counts (nbf), within the hour');
  }
}

function isRegisteredToSign(
  ctx: KoaContextWithOIDC,
  client: ReturnType<typeof factsOf>['client'],
): boolean {
  if (ctx.oidc.route !== 'backchannel_authentication') return maySignRequests(client);
  // CIBA has an algorithm of its own (CIBA Core section 4).
  return 'backchannel_authentication_request_signing_alg' in (client.metadata as object);
}
