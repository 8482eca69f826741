/**
 * Somebody types a login name and a password. The answer is one sentence for every refusal, and
 * costs the same for names that exist and names that do not.
 */
import type { Origin } from '../domain/audit/index.js';
import { nextStep } from '../domain/signin/index.js';
import type { FlowParts } from './domain.js';

export type SignInResult =
  | {
      readonly kind: 'signed-in';
      readonly accountId: string;
      /** Seconds of database time; what the session counts from. */
      readonly provenAt: number;
      readonly amr: readonly string[];
      readonly acr: string;
    }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'second-factor-missing' };

export type SignIn = (input: {
  readonly login: string;
  readonly password: string;
  readonly clientId: string | undefined;
  readonly origin: Origin;
}) => Promise<SignInResult>;

/** Throws `AppError('overloaded')` when more passwords arrive than can be hashed. */
export function createSignIn({ domain, transact }: FlowParts): SignIn {
  return async ({ login, password, clientId, origin }) => {
    const account = await domain.identity.findByLogin(login);
    const check = await domain.credentials.checkPassword(account?.id, password);
    const rehashed =
      check.kind === 'right' && check.outdated
        ? await domain.credentials.hashPassword(password)
        : undefined;

    return transact(async ({ identity, credentials, audit }) => {
      const facts = { ...(clientId ? { clientId } : {}), origin };
      const refuse = async (reason: string, kind: 'rejected' | 'second-factor-missing') => {
        await audit.record({
          event: 'sign_in_refused',
          result: 'failure',
          actor: { kind: 'anonymous' },
          ...(account ? { subjectId: account.id } : {}),
          ...facts,
          details: { reason },
        });
        return { kind } as const;
      };

      if (!account) return refuse('unknown_name', 'rejected');
      if (check.kind === 'wrong') return refuse('wrong_password', 'rejected');
      // From here a revocation waits for us or we have waited for it. An epoch that moved since
      // the password was looked at means that it was taken back in between: it proves nothing.
      const held = await identity.holdForSignIn(account.id);
      if (held?.status !== 'active') return refuse('disabled', 'rejected');
      if (held.securityEpoch !== account.securityEpoch) return refuse('revoked', 'rejected');

      const step = nextStep({ accountKind: account.kind, proven: ['password'] });
      if (step.kind !== 'done') return refuse('second_factor_missing', 'second-factor-missing');

      if (rehashed) await credentials.replaceHash(account.id, check.hash, rehashed);
      await audit.record({
        event: 'sign_in_succeeded',
        result: 'success',
        actor: { kind: 'account', id: account.id },
        subjectId: account.id,
        ...facts,
        details: { acr: step.acr },
      });
      return {
        kind: 'signed-in',
        accountId: account.id,
        provenAt: held.provenAt,
        amr: step.amr,
        acr: step.acr,
      };
    });
  };
}
