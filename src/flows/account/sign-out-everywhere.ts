/**
 * An owner signs out everywhere, this browser included: every session, every grant of every
 * application, those that stay signed in by themselves too, and what browsers are known by. The
 * security epoch rises first, so nothing that is in flight survives it (OWASP ASVS 7.4.5, 10.4.9).
 */
import type { FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';
import type { Owner } from './owner.js';

/** `overtaken`: access was taken back, or something changed, while the question stood there. */
export type SignOutEverywhere = (
  owner: Owner,
  visitor: Visitor,
) => Promise<'signed-out' | 'overtaken'>;

/** Call what it makes for somebody who has just proven who they are. */
export function createSignOutEverywhere({
  transact,
}: Pick<FlowParts, 'transact'>): SignOutEverywhere {
  return ({ accountId, securityEpoch }, visitor) =>
    transact(async ({ identity, grants, risk, audit }) => {
      // Pressed twenty times at once, it happens once.
      if ((await identity.advanceSecurityEpoch(accountId, securityEpoch)) === undefined) {
        return 'overtaken';
      }
      const ended = await grants.endAccount(accountId, { sessions: true, tokens: true });
      const devices = await risk.revokeDevices(accountId);
      await audit.record({
        event: 'signed_out_everywhere',
        result: 'success',
        actor: { kind: 'account', id: accountId },
        subjectId: accountId,
        origin: visitor.origin,
        details: { ...ended, devices },
      });
      return 'signed-out';
    });
}
