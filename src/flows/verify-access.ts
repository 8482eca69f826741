/**
 * May this request pass? What a gateway asks for each request to an API it stands in front of:
 * it proves who it is, shows the token of the request, and says what the request needs. The
 * answer is the one introspection would give (RFC 7662), at this moment; nothing is remembered.
 *
 * What is the gateway's own fault and what is the caller's are told apart: a caller is never
 * refused because a gateway was set up wrongly.
 */
import { type Acr, isAcr, satisfies } from '../domain/signin/index.js';
import type { Clock } from '../kernel/clock.js';

/** A client with a secret that speaks for APIs. */
export type Gateway = { readonly clientId: string; readonly audiences: ReadonlySet<string> };

/** The gateway of that name and secret, if there is one. Throws when that cannot be found out. */
export type FindGateway = (credentials: {
  readonly clientId: string;
  readonly secret: string;
}) => Promise<Gateway | undefined>;

/** A proof of possession, and the request it was sent with (RFC 9449 section 4). */
export type Proof = { readonly jwt: string; readonly method: string; readonly url: string };

/** A token that is alive: issued here, not expired, and nothing it hangs on has ended. */
export type LivingToken = {
  readonly clientId: string;
  /** Whom it acts for; nobody where a client acts for itself. */
  readonly subject: string | undefined;
  readonly audience: string | undefined;
  readonly scopes: ReadonlySet<string>;
  /** Seconds. */
  readonly expiresAt: number;
  /** How and when its subject logged in. */
  readonly acr: string | undefined;
  readonly amr: readonly string[];
  readonly authTime: number | undefined;
  /** Who acts in the subject's place (RFC 8693 section 4.1). */
  readonly act: unknown;
  /** What was approved in detail, a payment for one (RFC 9396 section 9). */
  readonly authorizationDetails: readonly unknown[];
  /** What its sender has to show (RFC 9449 section 6, RFC 8705 section 3). */
  readonly boundTo: 'nothing' | 'key' | 'certificate';
  /** The certificate's SHA-256 in base64url. */
  readonly certificate: string | undefined;
  /** Whether the proof is for this token and was not used before. It is used up by asking. */
  provenBy(proof: Proof): Promise<boolean>;
};

export type FindLivingToken = (value: string) => Promise<LivingToken | undefined>;

/** What a request needs to pass. */
export type Demand = {
  /** The API; may be left out by a gateway that speaks for one only. */
  readonly audience: string | undefined;
  /** All of these. */
  readonly scopes: readonly string[];
  /** A log-in at least as strong as this. */
  readonly acr: Acr | undefined;
  /** Seconds since the log-in, at most. */
  readonly maxAge: number | undefined;
};

/** The token as the request carried it. */
export type Carried = {
  readonly scheme: 'Bearer' | 'DPoP';
  readonly value: string;
  readonly proof: string;
};

/** The request, as far as its gateway vouches for it. */
export type Described = {
  /** `unreadable`: the gateway says where it tells the request, and there is none to be found. */
  readonly request: { readonly method: string; readonly url: string } | 'unreadable' | undefined;
  readonly certificate: string | undefined;
};

export type Passage =
  | { readonly kind: 'allowed'; readonly token: LivingToken }
  | { readonly kind: 'no-token' }
  | { readonly kind: 'invalid-token'; readonly why: string }
  | { readonly kind: 'bad-proof' }
  | { readonly kind: 'insufficient-scope' }
  /** The right person, but their log-in is too weak or too long ago (RFC 9470). */
  | { readonly kind: 'insufficient-login' }
  | { readonly kind: 'unknown-gateway' }
  /** A proof of possession would have to be checked against a request that nobody can read. */
  | { readonly kind: 'unreadable-request' }
  /** It asks about an API that it does not speak for. */
  | { readonly kind: 'foreign-audience' };

export type VerifyAccess = (asked: {
  readonly gateway: { readonly clientId: string; readonly secret: string };
  readonly demand: Demand;
  readonly carried: Carried | undefined;
  readonly described: Described;
}) => Promise<Passage>;

export function createVerifyAccess(parts: {
  readonly findGateway: FindGateway;
  readonly findToken: FindLivingToken;
  readonly clock: Clock;
}): VerifyAccess {
  return async ({ gateway: credentials, demand, carried, described }) => {
    const gateway = await parts.findGateway(credentials);
    if (!gateway) return { kind: 'unknown-gateway' };
    const audience = demand.audience ?? onlyOne(gateway.audiences);
    if (audience === undefined || !gateway.audiences.has(audience)) {
      return { kind: 'foreign-audience' };
    }
    if (!carried) return { kind: 'no-token' };
    const token = await parts.findToken(carried.value);
    // The same words for a token that never was: whose it is, is nobody else's business.
    if (token?.audience !== audience) {
      return { kind: 'invalid-token', why: 'The token is not valid here' };
    }
    const refused = await refusePossession(token, carried, described);
    if (refused) return refused;
    if (!demand.scopes.every((scope) => token.scopes.has(scope))) {
      return { kind: 'insufficient-scope' };
    }
    if (!isLoggedInWell(token, demand, parts.clock)) return { kind: 'insufficient-login' };
    return { kind: 'allowed', token };
  };
}

function onlyOne(audiences: ReadonlySet<string>): string | undefined {
  const [only, ...others] = audiences;
  return others.length === 0 ? only : undefined;
}

/** A stolen token that is bound is of no use; nor is one bound to nothing made better by a name. */
async function refusePossession(
  token: LivingToken,
  { scheme, proof }: Carried,
  { request, certificate }: Described,
): Promise<Passage | undefined> {
  const invalid = (why: string): Passage => ({ kind: 'invalid-token', why });
  if (token.boundTo === 'key') {
    // Else whoever has it could leave the proof out (RFC 9449 section 7.2).
    if (scheme !== 'DPoP') return invalid('The token is bound to a key');
    if (!request) return invalid('Tokens that are bound to a key are not taken here');
    if (request === 'unreadable') return { kind: 'unreadable-request' };
    const proven = await token.provenBy({ jwt: proof, ...request });
    return proven ? undefined : { kind: 'bad-proof' };
  }
  if (scheme === 'DPoP') return invalid('The token is not bound to a key');
  if (token.boundTo === 'certificate' && certificate !== token.certificate) {
    return invalid('The token is bound to a client certificate');
  }
  return undefined;
}

/** A token that does not say how and when its subject logged in has not shown that they did. */
function isLoggedInWell(token: LivingToken, { acr, maxAge }: Demand, clock: Clock): boolean {
  if (acr && !(token.acr !== undefined && isAcr(token.acr) && satisfies(token.acr, acr))) {
    return false;
  }
  if (maxAge === undefined) return true;
  const now = clock.now().getTime() / 1000;
  return token.authTime !== undefined && now - token.authTime <= maxAge;
}
