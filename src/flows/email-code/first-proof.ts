/**
 * The first proof that the owner of an account reads its mail. Until then an operator's word was
 * all there was, and whoever was given the account's password may have left things in it for its
 * owner to move into: a session, a passkey, or that very password (Sudhodanan and Paverd,
 * "Pre-hijacked accounts", USENIX Security 2022). So all of it ends. An authenticator app stays
 * and is asked for: taking it away on the strength of a mailbox would be the worse gift.
 */
import type { Domain } from '../domain.js';
import type { SignInRequest, Visitor } from '../sign-in/model.js';

/**
 * Call it in the transaction that accepts the proof, before the account is held for the sign-in.
 * False: the account was disabled, or its epoch has moved on from the one of the proof.
 */
export async function startAfresh(
  { identity, credentials, grants, risk, audit, mail }: Domain,
  input: {
    readonly request: Pick<SignInRequest, 'clientId' | 'clientName'>;
    readonly visitor: Pick<Visitor, 'origin' | 'deviceLabel'>;
    readonly at: Date;
    readonly accountId: string;
    readonly securityEpoch: number;
  },
): Promise<boolean> {
  const { accountId } = input;
  const since = await identity.advanceSecurityEpoch(accountId, input.securityEpoch);
  if (since === undefined) return false;
  await identity.confirmEmail(accountId);
  const ended = await grants.endAccount(accountId, { sessions: true, tokens: true });
  const removed =
    (await credentials.revokeCredentials(accountId)) +
    (await credentials.removePasskeys(accountId));
  const devices = await risk.revokeDevices(accountId);
  await audit.record({
    event: 'address_confirmed',
    result: 'success',
    actor: { kind: 'account', id: accountId },
    subjectId: accountId,
    clientId: input.request.clientId,
    origin: input.visitor.origin,
    details: { ...ended, credentials: removed, devices },
  });
  await mail.enqueue({
    kind: 'address_confirmed',
    accountId,
    at: input.at,
    shop: input.request.clientName,
    device: input.visitor.deviceLabel,
  });
  return true;
}
