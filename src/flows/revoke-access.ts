/**
 * An administrator takes back what an account has. One transaction raises the security epoch,
 * deletes sessions, grants and tokens, and writes the audit record: the next introspection
 * anywhere sees it, and nothing that was in flight survives it. Repeating it is harmless.
 */
import { type Administrator, mayAdminister } from '../domain/access/index.js';
import type { Actor, Origin } from '../domain/audit/index.js';
import type { Ended } from '../domain/grants/index.js';
import type { FlowParts } from './domain.js';

export const revocable = ['sessions', 'tokens', 'credentials'] as const;
export type Revocable = (typeof revocable)[number];

export type RevokeAccessResult =
  | { readonly kind: 'revoked'; readonly revoked: Ended & { readonly credentials: number } }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'forbidden' };

export type RevokeAccess = (input: {
  readonly administrator: Administrator;
  readonly accountId: string;
  readonly what: readonly Revocable[];
  readonly reason: string;
  readonly origin: Origin;
}) => Promise<RevokeAccessResult>;

export function createRevokeAccess({ transact }: FlowParts): RevokeAccess {
  return async ({ administrator, accountId, what, reason, origin }) => {
    if (!mayAdminister(administrator, 'grants:revoke')) return { kind: 'forbidden' };
    const wanted = new Set(what);
    const credentialsToo = wanted.has('credentials');
    // Whoever may have got hold of a credential has used it: what it opened goes with it.
    const sessions = wanted.has('sessions') || credentialsToo;
    const tokens = wanted.has('tokens') || credentialsToo;

    return transact(async ({ identity, credentials, grants, risk, audit }) => {
      const found =
        sessions && !tokens
          ? await identity.raiseSessionEpoch(accountId)
          : sessions
            ? await identity.raiseSecurityEpoch(accountId)
            : (await identity.findAccount(accountId)) !== undefined;
      if (!found) return { kind: 'not-found' };

      const ended = await grants.endAccount(accountId, { sessions, tokens });
      // A passkey opens the account by itself, and one of them may be the thief's.
      const removed = credentialsToo
        ? (await credentials.revokeCredentials(accountId)) +
          (await credentials.removePasskeys(accountId))
        : 0;
      // A thief's browser would otherwise go on passing for the owner's second factor.
      if (credentialsToo) await risk.revokeDevices(accountId);
      const revoked = { ...ended, credentials: removed };
      await audit.record({
        event: 'access_revoked',
        result: 'success',
        actor: actorOf(administrator),
        subjectId: accountId,
        origin,
        details: { what: [...wanted].join(' '), reason, ...revoked },
      });
      return { kind: 'revoked', revoked };
    });
  };
}

/** The administrator as the audit knows actors. */
export function actorOf(administrator: Administrator): Actor {
  return administrator.kind === 'operator'
    ? { kind: 'operator' }
    : { kind: 'client', id: administrator.clientId };
}
