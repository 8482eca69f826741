/** What clients may learn about a person: scopes → claims (OpenID Connect Core 5.4). */
import type { Account, FindAccount } from 'oidc-provider';
import type { Identity } from '../domain/identity/index.js';
import { guarded } from './errors.js';

export const claimsByScope = {
  // What happened at log-in belongs to every ID token (RFC 8176, RFC 9470).
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'given_name', 'family_name', 'locale'],
  email: ['email', 'email_verified'],
  phone: ['phone_number'],
  sid: null,
  iss: null,
} as const;

/**
 * The host's view of an account. Personal data is opened only when claims are asked for, not
 * whenever a token passes by.
 */
export function createFindAccount(
  identity: Pick<Identity, 'findAccount' | 'findPerson'>,
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
        const { name, givenName, familyName, phone, locale } = person?.profile ?? {};
        return {
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
