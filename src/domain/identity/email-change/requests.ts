/**
 * The address an owner wants, until it is proven to be theirs.
 *
 * Promises: a code from a letter proves it, typed in the session that asked, within ten minutes
 * and five tries; an account has one request at most, the newest; whatever raises the account's
 * epoch (a new password, a revocation, a lock) ends it by that.
 */
import { randomBytes } from 'node:crypto';
import { digest, newId } from '../../../kernel/ids.js';
import type { Keyring } from '../../../kernel/keyring.js';
import { CODE_TRIES, createLetterCodes } from '../../../kernel/letter-codes.js';
import type { Db } from '../../../platform/postgres.js';
import { accountKeys, openAddress, sealAddress } from '../personal-data.js';
import { identityStore } from '../store.js';
import { type RequestRow, requestStore } from './store.js';

export const REQUEST_SECONDS = 10 * 60;

/** An address that is wanted and not proven. */
export type EmailRequest = {
  readonly id: string;
  readonly accountId: string;
  readonly email: string;
};

export type EmailCodeResult =
  | { readonly kind: 'right'; readonly requestId: string }
  | { readonly kind: 'wrong' }
  /** That was the last try. */
  | { readonly kind: 'void' }
  /** Void before, expired, replaced, used or never there. */
  | { readonly kind: 'gone' };

export type EmailRequests = ReturnType<typeof createEmailRequests>;

const contextOf = (id: string) => `email_requests/${id}/email`;

export function createEmailRequests({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = requestStore(db, { seconds: REQUEST_SECONDS, tries: CODE_TRIES });
  const keys = accountKeys(identityStore(db), keyring);
  const codes = createLetterCodes(keyring, 'email-code');
  const inSession = (uid: string) => digest(`email-change ${uid}`);

  async function open(row: RequestRow | undefined): Promise<EmailRequest | undefined> {
    const key = row && (await keys.find(row.accountId));
    if (!key) return undefined;
    const { id, accountId, sealedEmail } = row;
    return { id, accountId, email: openAddress(key, sealedEmail, contextOf(id)) };
  }

  return {
    /**
     * Notes which address an owner wants. What there was for the account is dead from this
     * statement on.
     */
    async requestEmail(input: {
      readonly accountId: string;
      readonly securityEpoch: number;
      readonly sessionUid: string;
      readonly email: string;
      /** Without a letter there is no code: one that can be guessed would prove the address. */
      readonly withoutCode?: boolean;
    }): Promise<{ readonly id: string; readonly code: string }> {
      const id = newId();
      const { code, hash } = codes.draw(id);
      const codeHash = input.withoutCode ? new Uint8Array(randomBytes(hash.length)) : hash;
      const { accountId, securityEpoch } = input;
      const key = await keys.get(accountId);
      await store.ask({
        id,
        accountId,
        securityEpoch,
        sessionHash: inSession(input.sessionUid),
        sealedEmail: sealAddress(key, input.email.trim(), contextOf(id)),
        codeHash,
      });
      return { id, code };
    },

    /** For the letter: who it goes to, as long as it is of any use. */
    findEmailRequest: async (id: string): Promise<EmailRequest | undefined> =>
      open(await store.find({ id })),

    /** What was asked for in a session of the account. */
    findOwnEmailRequest: async (
      accountId: string,
      sessionUid: string,
    ): Promise<EmailRequest | undefined> =>
      open(await store.find({ accountId, sessionHash: inSession(sessionUid) })),

    /**
     * Looks at a code. The try is spent first, by itself: of a burst of guesses five are looked
     * at. Call it outside of a transaction, where a roll-back would give the try back.
     */
    async tryEmailCode(
      accountId: string,
      sessionUid: string,
      typed: string,
    ): Promise<EmailCodeResult> {
      const sessionHash = inSession(sessionUid);
      const row = await store.find({ accountId, sessionHash });
      const spent = row && (await store.spendTry(row.id));
      if (!spent) return { kind: 'gone' };
      if (codes.isRight(row.id, typed, spent.codeHash)) return { kind: 'right', requestId: row.id };
      return spent.tries >= CODE_TRIES ? { kind: 'void' } : { kind: 'wrong' };
    },

    /** Spends a request whose code was right; gives the address. Call it in a transaction. */
    async takeEmailRequest(accountId: string, id: string): Promise<string | undefined> {
      return (await open(await store.take(accountId, id)))?.email;
    },

    dropEmailRequest: (accountId: string): Promise<number> => store.drop(accountId),

    /** Removes one batch of what has run out; returns its size. */
    purgeEmailRequests: (limit: number): Promise<number> => store.purge(limit),
  };
}
