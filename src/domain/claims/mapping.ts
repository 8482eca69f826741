/**
 * What may be mapped to what. A claim of the protocol's own, or one that says who somebody is or
 * how they logged in, is never taken from a mapping: a client decides by it whom it lets in.
 */
import { type ProfileField, profileFields } from '../../kernel/profile-fields.js';

export type ClaimMapping = {
  readonly claim: string;
  /** The scope that brings the claim; a new name makes a new scope. */
  readonly scope: string;
  readonly source: ClaimSource;
  /** Also in access tokens for APIs, and in what introspection says of them. */
  readonly inAccessTokens: boolean;
};

export type ClaimSource = 'roles' | 'kind' | `profile.${ProfileField}` | `text:${string}`;

/** Of whom a claim speaks. */
export type ClaimSubject = {
  readonly kind: string;
  readonly roles: readonly string[];
  readonly profile: Readonly<Partial<Record<ProfileField, string>>>;
};

/** Claims with a meaning of their own in ID tokens, access tokens, userinfo or introspection. */
const RESERVED = new Set(
  (
    'iss sub aud exp nbf iat jti auth_time nonce acr amr azp at_hash c_hash s_hash sid act cnf ' +
    'client_id scope active token_type may_act events sub_id sub_jwk authorization_details ' +
    'email email_verified phone_number phone_number_verified address ' +
    '_claim_names _claim_sources'
  ).split(' '),
);

// Scopes that are called like the claims they bring (OpenID Connect Core 5.4).
const SCOPES_BY_CLAIM = new Set(['email', 'address']);

// A short name of one's own, or a name that cannot collide with anybody's (RFC 7519 section 4.2).
const NAME = /^[a-z][a-z0-9_]{0,63}$/;
const COLLISION_FREE = /^https:\/\/[a-z0-9.-]+(?:\/[A-Za-z0-9._~/-]*)?$/;
const SCOPE = /^[a-z][a-z0-9_.:-]{0,63}$/;
const LONGEST_TEXT = 200;

/** What is wrong with a mapping, one sentence a fault; empty when nothing is. */
export function mappingFaults(mapping: ClaimMapping): string[] {
  const { claim, scope, source } = mapping;
  const faults: string[] = [];
  if (!NAME.test(claim) && !(COLLISION_FREE.test(claim) && claim.length <= 200)) {
    faults.push('The claim must be a lower-case name, or an https address of your own');
  }
  if (RESERVED.has(claim)) faults.push(`The claim ${claim} has a meaning of its own`);
  // Names that every object answers to are a trap wherever a library keeps claims in one.
  for (const name of [claim, scope]) {
    if (name in Object.prototype) faults.push(`"${name}" is not a name to be used`);
  }
  if (!SCOPE.test(scope)) faults.push(`"${scope}" is not a scope name`);
  // The host keeps scopes beside the claims that need none: one would take the other's place.
  if (RESERVED.has(scope) && !SCOPES_BY_CLAIM.has(scope)) {
    faults.push(`${scope} is a claim of the protocol's own and no scope`);
  }
  if (scope === 'openid' || scope === 'offline_access') {
    faults.push(`The scope ${scope} says nothing about a person`);
  }
  if (!isSource(source)) {
    faults.push(
      `The source must be roles, kind, ${profileFields.map((field) => `profile.${field}`).join(', ')} or text:<value>`,
    );
  }
  if (mapping.inAccessTokens && source.startsWith('profile.')) {
    // Tokens are kept as they are; what a person says of themself is kept sealed.
    faults.push('Personal data does not go into access tokens; APIs ask userinfo for it');
  }
  return faults;
}

function isSource(source: string): source is ClaimSource {
  if (source === 'roles' || source === 'kind') return true;
  if (source.startsWith('profile.')) {
    return profileFields.some((field) => source === `profile.${field}`);
  }
  const text = source.startsWith('text:') ? source.slice('text:'.length) : '';
  return text !== '' && text.length <= LONGEST_TEXT && !/\p{Cc}/u.test(text);
}

/** The value of a mapped claim; undefined where there is nothing to say. */
export function claimValue(source: ClaimSource, subject: ClaimSubject): unknown {
  if (source === 'roles') return [...subject.roles];
  if (source === 'kind') return subject.kind;
  if (source.startsWith('text:')) return source.slice('text:'.length);
  return subject.profile[source.slice('profile.'.length) as ProfileField] || undefined;
}
