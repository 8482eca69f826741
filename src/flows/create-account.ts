/** An operator or the seed creates an account with a password. */
import type { Role } from '../domain/access/index.js';
import type { Actor, Origin } from '../domain/audit/index.js';
import type { PasswordFault } from '../domain/credentials/index.js';
import { isEmailAddress, type Profile } from '../domain/identity/index.js';
import type { FlowParts } from './domain.js';
import { shopNames } from './shop-names.js';

/** Why there is no account of it. */
export type AccountFault = PasswordFault | { readonly code: 'not-an-address' | 'not-staff' };

export type CreateAccountResult =
  | {
      readonly kind: 'created';
      readonly accountId: string;
      readonly totpSecret: string | undefined;
    }
  | { readonly kind: 'name-taken' }
  | { readonly kind: 'invalid'; readonly faults: readonly AccountFault[] };

export type CreateAccount = (input: {
  readonly accountKind: 'shopper' | 'staff';
  readonly email: string;
  readonly emailVerified: boolean;
  readonly password: string;
  /** Drawn at random by the caller: the rules are about what people think of. */
  readonly generated?: boolean;
  readonly profile: Profile;
  readonly roles: readonly Role[];
  /** An authenticator app whose secret is handed over with the password. */
  readonly withTotp?: boolean;
  readonly actor: Actor;
  readonly origin?: Origin;
}) => Promise<CreateAccountResult>;

export function createCreateAccount({ domain, transact }: FlowParts): CreateAccount {
  return async (input) => {
    const faults: AccountFault[] = [];
    if (!isEmailAddress(input.email)) faults.push({ code: 'not-an-address' });
    // Only staff carry roles.
    if (input.roles.length > 0 && input.accountKind !== 'staff') faults.push({ code: 'not-staff' });
    if (!input.generated) {
      const { name } = input.profile;
      const weaknesses = await domain.credentials.assessPassword(input.password, {
        email: input.email,
        ...(name ? { name } : {}),
        shops: await shopNames(domain),
      });
      faults.push(...weaknesses);
    }
    if (faults.length > 0) return { kind: 'invalid', faults };

    const hash = await domain.credentials.hashPassword(input.password);
    return transact(async ({ identity, credentials, access, audit }) => {
      const created = await identity.createAccount({
        kind: input.accountKind,
        email: input.email,
        emailVerified: input.emailVerified,
        profile: input.profile,
      });
      if (created.kind === 'name-taken') return { kind: 'name-taken' };
      await credentials.setPasswordHash(created.id, hash);
      for (const role of input.roles) await access.addRole(created.id, role);
      await audit.record({
        event: 'account_created',
        result: 'success',
        actor: input.actor,
        subjectId: created.id,
        ...(input.origin ? { origin: input.origin } : {}),
        details: { kind: input.accountKind, roles: input.roles.join(' ') },
      });
      const totp = input.withTotp ? await credentials.provideTotp(created.id) : undefined;
      return { kind: 'created', accountId: created.id, totpSecret: totp?.secret };
    });
  };
}
