/**
 * Somebody opens the link of the letter that told them of a change of their address, and takes
 * the old one back. Whoever made the change may know the password, sit in a session, or have
 * moved the address again since, so everything they could have goes: every session, grant, token
 * and device, links in letters, the password and passkeys. The owner gets in through a letter to
 * the address that is theirs again; its link is made here, because a thief may have asked for so
 * many letters that a page would send no more.
 *
 * The authenticator app stays, and so do the passkeys that staff had before the change: the link
 * proves a mailbox and stands in for no second factor (OWASP ASVS 6.4.3).
 */
import type { Clock } from '../../kernel/clock.js';
import type { Domain, FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';

export type UndoPage =
  /** Used, expired, replaced, unknown, or of an account that is disabled: nobody learns which. */
  { readonly kind: 'dead' } | { readonly kind: 'ask'; readonly email: string };

export type UndoResult =
  | { readonly kind: 'dead' }
  /** The old address is another account's; nothing was changed. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'restored' };

export type UndoEmailChange = ReturnType<typeof createUndoEmailChange>;

/** A passkey that was added so shortly before a change of staff's address is not trusted either. */
const SHORTLY_MS = 60 * 60 * 1000;

/** Rolls the transaction back. */
class Refused extends Error {
  constructor(readonly kind: 'dead' | 'taken') {
    super(kind);
  }
}

export function createUndoEmailChange({
  domain,
  transact,
  clock,
}: FlowParts & { readonly clock: Clock }) {
  async function undo(tx: Domain, accountId: string, token: string, visitor: Visitor) {
    const { identity, credentials, grants, risk, audit, mail } = tx;
    // The account before the link, as everything that changes accounts: no deadlocks.
    await identity.raiseSecurityEpoch(accountId);
    const held = await identity.findAccount(accountId);
    if (held?.status !== 'active') throw new Refused('dead');
    const restored = await identity.restoreEmail(accountId, token);
    if (restored.kind === 'gone') throw new Refused('dead');
    if (restored.kind === 'name-taken') throw new Refused('taken');
    const { changeId: emailChangeId, changedAt } = restored;

    const ended = await grants.endAccount(accountId, { sessions: true, tokens: true });
    // Before the devices: each has a counter of its own.
    const counters = await risk.unlock({ accountId }, 'password');
    const devices = await risk.revokeDevices(accountId);
    await credentials.revokeCredentials(accountId);
    const since = held.kind === 'staff' ? new Date(changedAt.getTime() - SHORTLY_MS) : undefined;
    const passkeys = await credentials.removePasskeys(accountId, since);
    // Its letter may have gone to the thief, who asked for it.
    const factorReset = await credentials.stopFactorReset(accountId);
    await audit.record({
      event: 'email_change_undone',
      result: 'success',
      actor: { kind: 'account', id: accountId },
      subjectId: accountId,
      origin: visitor.origin,
      details: { ...ended, devices, counters, passkeys, factorReset },
    });
    const circumstances = { at: clock.now(), device: visitor.deviceLabel };
    const link = await credentials.issueLink({ accountId, purpose: 'password_reset' });
    await mail.enqueue({
      kind: 'email_restored',
      accountId,
      token: link.token,
      ...circumstances,
    });
    await mail.enqueue({ kind: 'email_undone', emailChangeId, ...circumstances });
  }

  return {
    /** What the link opens. It stays good: mail scanners open links before people do. */
    async look(token: string): Promise<UndoPage> {
      const found = await domain.identity.findUndo(token);
      return found ? { kind: 'ask', email: found.email } : { kind: 'dead' };
    },

    async submit(token: string, visitor: Visitor): Promise<UndoResult> {
      const found = await domain.identity.findUndo(token);
      if (!found) return { kind: 'dead' };
      try {
        await transact((tx) => undo(tx, found.accountId, token, visitor));
      } catch (error) {
        if (error instanceof Refused) return { kind: error.kind };
        throw error;
      }
      return { kind: 'restored' };
    },
  };
}
