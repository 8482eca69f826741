/**
 * The first proof that the owner of an account reads its mail. Until then an operator's word was
 * all there was, and whoever was given the account's password may have left things in it for its
 * owner to move into: a session, a passkey, an app, or that very password. So all of it ends.
 */
import { confirmAddress } from '../confirm-address.js';
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
    readonly visitor: Pick<Visitor, 'origin' | 'deviceLabel' | 'language'>;
    readonly at: Date;
    readonly accountId: string;
    readonly securityEpoch: number;
  },
): Promise<boolean> {
  const { accountId } = input;
  const since = await identity.advanceSecurityEpoch(accountId, input.securityEpoch);
  if (since === undefined) return false;
  const confirmed = await confirmAddress(
    { identity, credentials },
    { id: accountId, kind: 'shopper' },
  );
  const ended = await grants.endAccount(accountId, { sessions: true, tokens: true });
  const removed = (await credentials.revokeCredentials(accountId)) + (confirmed?.passkeys ?? 0);
  const devices = await risk.revokeDevices(accountId);
  await audit.record({
    event: 'address_confirmed',
    result: 'success',
    actor: { kind: 'account', id: accountId },
    subjectId: accountId,
    clientId: input.request.clientId,
    origin: input.visitor.origin,
    details: { ...ended, credentials: removed, app: confirmed?.app ?? false, devices },
  });
  await mail.enqueue({
    kind: 'address_confirmed',
    accountId,
    at: input.at,
    shop: input.request.clientName,
    clientId: input.request.clientId,
    device: input.visitor.deviceLabel,
    language: input.visitor.language,
  });
  return true;
}
