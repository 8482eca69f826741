/**
 * The first proof that the owner of an account reads its mail. Until then an operator's word was
 * all there was, and whoever was given the account before may have left things in it for its
 * owner to move into: a second factor, a passkey (Sudhodanan and Paverd, "Pre-hijacked accounts",
 * USENIX Security 2022). An address that nobody has proven is nobody's, so the first to prove it
 * starts with nothing of a stranger's. What staff were given stays: a mailbox alone must never
 * open an account that can open others.
 */
import type { Domain } from './domain.js';

export type Confirmed = {
  /** Passkeys that are gone. */
  readonly passkeys: number;
  /** Whether an authenticator app went, with its recovery codes. */
  readonly app: boolean;
};

/**
 * Notes the proof. Call it in the transaction that accepts it; the caller ends what is signed in.
 * Nothing when the address was proven before: then it changes nothing.
 */
export async function confirmAddress(
  { identity, credentials }: Pick<Domain, 'identity' | 'credentials'>,
  account: { readonly id: string; readonly kind: 'shopper' | 'staff' },
): Promise<Confirmed | undefined> {
  if (!(await identity.confirmEmail(account.id))) return undefined;
  if (account.kind === 'staff') return { passkeys: 0, app: false };
  const passkeys = await credentials.removePasskeys(account.id);
  const app = await credentials.removeTotp(account.id);
  if (app) await credentials.stopFactorReset(account.id);
  return { passkeys, app };
}
