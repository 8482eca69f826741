/**
 * An owner closes the account, for good (GDPR article 17). One transaction raises the epoch, ends
 * and forgets all that the account had, destroys the key its personal data is sealed under, so
 * that no backup can read it either, and frees the address. What stays is an id in the audit.
 */
import { canonicalLogin } from '../../domain/identity/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';
import type { Owner } from './owner.js';

export type CloseAccountResult =
  | 'closed'
  /** What was typed is not the address of this account. */
  | 'not-confirmed'
  /** Their administrator does it: whoever leaves a shop must not take its traces along. */
  | 'staff'
  /** Access was taken back, or something changed, while this was being looked at. */
  | 'overtaken'
  /** The address was changed, and the old one's owner may yet take the account back. */
  | 'address-moved';

/**
 * Call it for somebody who has just proven who they are.
 *
 * @param typed the account's address, typed once more
 */
export type CloseAccount = (
  owner: Owner,
  visitor: Visitor,
  typed: string,
) => Promise<CloseAccountResult>;

export function createCloseAccount(parts: FlowParts & { readonly clock: Clock }): CloseAccount {
  const { domain, transact, clock } = parts;

  return async (owner, visitor, typed) => {
    const { accountId, email } = owner;
    if (owner.kind === 'staff') return 'staff';
    // Pressed twice: it is closed, and that is what was asked for.
    const closedOr = async <Else extends CloseAccountResult>(otherwise: Else) =>
      (await domain.identity.isClosed(accountId)) ? 'closed' : otherwise;
    // Closed a moment ago, it has no address any more.
    if (email === '') return closedOr('not-confirmed');
    if (canonicalLogin(typed) !== canonicalLogin(email)) return 'not-confirmed';

    // Else a thief who has moved the account could take the way back from its owner.
    if (await domain.identity.canBeUndone(accountId)) return 'address-moved';

    const closed = await transact(async (tx) => {
      // First of all: others that close it wait here, and then find it closed.
      if (!(await tx.identity.closeAccount(accountId, owner.securityEpoch))) return false;
      const person = await tx.identity.findPerson(accountId);
      const ended = await tx.grants.endAccount(accountId, { sessions: true, tokens: true });
      const credentials = await tx.credentials.forgetCredentials(accountId);
      const devices = await tx.risk.forgetAccount(accountId);
      await tx.attempts.forgetAccount(accountId);
      await tx.grants.forgetApprovals(accountId);
      await tx.identity.forgetPerson(accountId);
      await tx.mail.forgetRefusal(accountId);
      await tx.audit.record({
        event: 'account_closed',
        result: 'success',
        actor: { kind: 'account', id: accountId },
        subjectId: accountId,
        origin: visitor.origin,
        details: { ...ended, credentials, devices },
      });
      // Where it goes has to stand in it: from here on nobody knows.
      await tx.mail.enqueue({
        kind: 'account_closed',
        to: person?.email ?? email,
        at: clock.now(),
        device: visitor.deviceLabel,
        language: person?.profile.locale ?? visitor.language,
      });
      return true;
    });
    return closed ? 'closed' : closedOr('overtaken');
  };
}
