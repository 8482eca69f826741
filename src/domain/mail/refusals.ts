/**
 * Addresses whose mail server takes no mail for them. Kept with a blind index of the address, so
 * that the mark means this address and no other: whoever changes theirs is rid of it, and so
 * is a stranger who gets the old one.
 */

import { sameDigest } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Db } from '../../platform/postgres.js';

const PURPOSE = 'mail-refusal';

export function createRefusals({ db, keyring }: { db: Db; keyring: Keyring }) {
  const indexesOf = (accountId: string, address: string) =>
    keyring.blindIndexes(PURPOSE, `${accountId}\0${address}`).map(({ index }) => index);

  return {
    /** The address of this account was refused for good. */
    async recordRefusal(accountId: string, address: string, at: Date): Promise<void> {
      const [addressIndex] = indexesOf(accountId, address);
      if (!addressIndex) throw new Error('The keyring is empty');
      await db.mailRefusal.upsert({
        where: { accountId },
        create: { accountId, addressIndex, refusedAt: at },
        update: { addressIndex, refusedAt: at },
      });
    },

    /** A letter was taken: whatever was the matter is over. */
    async forgetRefusal(accountId: string): Promise<void> {
      await db.mailRefusal.deleteMany({ where: { accountId } });
    },

    /** Since when this address of the account takes no letters; undefined if it does. */
    async findRefusal(accountId: string, address: string): Promise<Date | undefined> {
      const row = await db.mailRefusal.findUnique({ where: { accountId } });
      const same =
        row && indexesOf(accountId, address).some((i) => sameDigest(i, row.addressIndex));
      return same ? row.refusedAt : undefined;
    },
  };
}
