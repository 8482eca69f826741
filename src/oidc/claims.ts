/** The claims themselves: what is known of a person, for whoever may be told (see `disclosure.ts`). */
import type { Account, FindAccount, KoaContextWithOIDC } from 'oidc-provider';
import type { Access } from '../domain/access/index.js';
import { type ClaimMapping, type ClaimSubject, claimValue } from '../domain/claims/index.js';
import {
  type Identity,
  type Profile,
  profileFields,
  profileValue,
} from '../domain/identity/index.js';
import { factsOf } from './clients.js';
import type { Disclosure } from './disclosure.js';
import { guarded } from './errors.js';

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
  return async (ctx, sub) => {
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
        const { client } = ctx.oidc;
        const known = {
          ...mapped(mappings, { kind: account.kind, roles, profile: fieldsOf(profile) }),
          sub,
          ...(person?.email ? { email: person.email, email_verified: person.emailVerified } : {}),
          ...(name ? { name } : {}),
          ...(givenName ? { given_name: givenName } : {}),
          ...(familyName ? { family_name: familyName } : {}),
          ...(locale ? { locale } : {}),
          ...(phone ? { phone_number: phone } : {}),
        };
        // Whatever was granted once: a client that is not registered for it is not told.
        return client ? pick(known, factsOf(client).disclosure) : { sub };
      },
    } satisfies Account;
  };
}

function pick(known: { sub: string }, disclosure: Disclosure): { sub: string } {
  const may = Object.entries(known).filter(([claim]) => disclosure.mayAsk(claim));
  return { ...Object.fromEntries(may), sub: known.sub };
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
 * was granted with the authorization behind it, and has not left out of this refresh (RFC 6749
 * section 6). Nothing a person says of themself is among them.
 */
export async function claimsForApis(
  ctx: KoaContextWithOIDC,
  accountId: string,
  scopes: ReadonlySet<string>,
  parts: { readonly access: Roles; readonly mappings: readonly ClaimMapping[] },
): Promise<Record<string, unknown>> {
  const held = [...scopes].filter((scope) => !leftOut(ctx, scope));
  const granted = ctx.oidc.entities.Grant?.getOIDCScopeFiltered(new Set(held)).split(' ');
  const wanted = parts.mappings.filter(
    ({ inAccessTokens, scope }) => inAccessTokens && granted?.includes(scope),
  );
  if (wanted.length === 0) return {};
  const roles = needsRoles(wanted) ? await guarded(() => parts.access.listRoles(accountId)) : [];
  const { kind } = ctx.oidc.account as unknown as { kind: string };
  return mapped(wanted, { kind, roles, profile: {} });
}

/** Whether a refresh asks for less than was granted, and not for this scope. */
function leftOut({ oidc }: KoaContextWithOIDC, scope: string): boolean {
  const { grant_type: grantType, scope: asked } = oidc.params ?? {};
  return grantType === 'refresh_token' && Boolean(asked) && !oidc.requestParamScopes.has(scope);
}
