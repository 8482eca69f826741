/**
 * What clients may learn about a person: scopes → claims (OpenID Connect Core 5.4), and on top of
 * the standard ones those that the shop has declared.
 */
import type { Account, FindAccount, KoaContextWithOIDC } from 'oidc-provider';
import type { Access } from '../domain/access/index.js';
import { type ClaimMapping, type ClaimSubject, claimValue } from '../domain/claims/index.js';
import {
  type Identity,
  type Profile,
  profileFields,
  profileValue,
} from '../domain/identity/index.js';
import { guarded } from './errors.js';

const standardClaims = {
  // What happened at log-in belongs to every ID token (RFC 8176, RFC 9470).
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'given_name', 'family_name', 'locale'],
  email: ['email', 'email_verified'],
  phone: ['phone_number'],
  sid: null,
  iss: null,
} as const;

/** `claims` of the host's configuration. */
export function claimsByScope(
  mappings: readonly ClaimMapping[],
): Record<string, readonly string[] | null> {
  const claims: Record<string, readonly string[] | null> = { ...standardClaims };
  for (const { scope, claim } of mappings) {
    claims[scope] = [...new Set([...(claims[scope] ?? []), claim])];
  }
  return claims;
}

type People = Pick<Identity, 'findAccount' | 'findPerson'>;
type Roles = Pick<Access, 'listRoles'>;

/**
 * The host's view of an account. Personal data is opened only when claims are asked for, not
 * whenever a token passes by.
 */
export function createFindAccount(
  identity: People,
  access: Roles,
  mappings: readonly ClaimMapping[],
): FindAccount {
  return async (_ctx, sub) => {
    const account = await guarded(() => identity.findAccount(sub));
    if (account?.status !== 'active') return undefined;
    return {
      accountId: sub,
      // Lifetimes differ between shoppers and staff.
      kind: account.kind,
      async claims() {
        const person = await guarded(() => identity.findPerson(sub));
        const profile = person?.profile ?? {};
        const { name, givenName, familyName, phone, locale } = profile;
        const roles = needsRoles(mappings) ? await guarded(() => access.listRoles(sub)) : [];
        return {
          ...mapped(mappings, { kind: account.kind, roles, profile: fieldsOf(profile) }),
          sub,
          ...(person?.email ? { email: person.email, email_verified: person.emailVerified } : {}),
          ...(name ? { name } : {}),
          ...(givenName ? { given_name: givenName } : {}),
          ...(familyName ? { family_name: familyName } : {}),
          ...(locale ? { locale } : {}),
          ...(phone ? { phone_number: phone } : {}),
        };
      },
    } satisfies Account;
  };
}

const needsRoles = (mappings: readonly ClaimMapping[]) =>
  mappings.some(({ source }) => source === 'roles');

function fieldsOf(profile: Profile): ClaimSubject['profile'] {
  return Object.fromEntries(profileFields.map((field) => [field, profileValue(profile, field)]));
}

function mapped(mappings: readonly ClaimMapping[], subject: ClaimSubject): Record<string, unknown> {
  return Object.fromEntries(
    mappings
      .map(({ claim, source }) => [claim, claimValue(source, subject)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

/**
 * Declared claims that belong into an access token for an API: only those whose scope the client
 * was granted with the authorization behind it. Nothing a person says of themself is among them.
 */
export async function claimsForApis(
  ctx: KoaContextWithOIDC,
  accountId: string,
  scopes: ReadonlySet<string>,
  parts: { readonly access: Roles; readonly mappings: readonly ClaimMapping[] },
): Promise<Record<string, unknown>> {
  const granted = ctx.oidc.entities.Grant?.getOIDCScopeFiltered(new Set(scopes)).split(' ');
  const wanted = parts.mappings.filter(
    ({ inAccessTokens, scope }) => inAccessTokens && granted?.includes(scope),
  );
  if (wanted.length === 0) return {};
  const roles = needsRoles(wanted) ? await guarded(() => parts.access.listRoles(accountId)) : [];
  const { kind } = ctx.oidc.account as unknown as { kind: string };
  return mapped(wanted, { kind, roles, profile: {} });
}
