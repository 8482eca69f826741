/**
 * What of a person may be told to whom: scopes → claims (OpenID Connect Core 5.4), the standard
 * ones and those that the shop has declared, and what of them a client is registered for. One
 * rule for scopes, for the `claims` parameter, for what pages show and for what is told.
 */
import { identityScopes } from '../domain/access/index.js';
import type { ClaimMapping } from '../domain/claims/index.js';

/** A scope's claims; null under the name of a claim that comes without any scope. */
type ClaimsByScope = Readonly<Record<string, readonly string[] | null>>;

const standardClaims: ClaimsByScope = {
  // What happened at log-in belongs to every ID token (RFC 8176, RFC 9470).
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'given_name', 'family_name', 'locale'],
  email: ['email', 'email_verified'],
  phone: ['phone_number'],
  sid: null,
  iss: null,
};

/** `claims` of the host's configuration. */
export function claimsByScope(mappings: readonly ClaimMapping[]): ClaimsByScope {
  const claims: Record<string, readonly string[] | null> = { ...standardClaims };
  for (const { scope, claim } of mappings.filter(isUsable)) {
    claims[scope] = [...new Set([...(claims[scope] ?? []), claim])];
  }
  return claims;
}

/** Refused when claims are declared; a row from elsewhere must not stop the server. */
function isUsable({ scope }: ClaimMapping): boolean {
  return !(scope in Object.prototype) && claimsOf(standardClaims, scope) !== null;
}

/** Whatever a scope is called: `constructor` is one that nobody has declared. */
function claimsOf(claims: ClaimsByScope, name: string): readonly string[] | null | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

/** `scopes` of the host's configuration: every scope that speaks of a person. */
export function scopesOfHost(mappings: readonly ClaimMapping[]): string[] {
  return [...new Set([...identityScopes, ...mappings.filter(isUsable).map(({ scope }) => scope)])];
}

/** What one client may learn. */
export type Disclosure = {
  /**
   * The OpenID scopes it is registered for, as far as the provider knows them: a scope of the
   * shop's own goes with its last claim, and then gives nothing.
   */
  readonly scopes: readonly string[];
  /**
   * The scope of the client's that brings a claim: one of `asked` where there is one. Undefined
   * where the client is registered for none that does, and for claims that need no scope.
   */
  scopeOf(claim: string, asked?: ReadonlySet<string>): string | undefined;
  /** Whether a request of the client may name this claim. */
  mayAsk(claim: string): boolean;
};

/** From the scopes a client is registered for to what it may learn, at one provider. */
export type Disclose = (registered: readonly string[]) => Disclosure;

export function createDisclose(mappings: readonly ClaimMapping[]): Disclose {
  const claims = claimsByScope(mappings);
  const known = new Set(scopesOfHost(mappings));
  return (registered) => {
    const scopes = registered.filter((scope) => known.has(scope));
    const bringers = new Map<string, string[]>();
    for (const scope of scopes) {
      for (const claim of claimsOf(claims, scope) ?? []) {
        bringers.set(claim, [...(bringers.get(claim) ?? []), scope]);
      }
    }
    return {
      scopes,
      scopeOf(claim, asked) {
        const those = bringers.get(claim) ?? [];
        return those.find((scope) => asked?.has(scope)) ?? those[0];
      },
      mayAsk: (claim) => bringers.has(claim) || claimsOf(claims, claim) === null,
    };
  };
}
