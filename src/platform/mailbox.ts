/**
 * The development mailbox: where letters go when there is no SMTP server, for the demo and for
 * tests. Sealed under the keyring, so that a copied database shows nobody's letters.
 */
import type { Clock } from '../kernel/clock.js';
import type { Keyring } from '../kernel/keyring.js';
import type { Mailer, Message } from './mailer.js';
import type { Db } from './postgres.js';

export type KeptMessage = Message & { readonly id: string; readonly sentAt: string };

export type Mailbox = Mailer & {
  /** The newest first. */
  list(): Promise<KeptMessage[]>;
};

const PURPOSE = 'mailbox';
const KEPT = 100;

export function openMailbox(parts: { db: Db; keyring: Keyring; clock: Clock }): Mailbox {
  const { db, keyring, clock } = parts;
  return {
    async send({ to, subject, text, html }) {
      const at = clock.now();
      const message: Message = { to, subject, text, html };
      const sealed = keyring.seal(PURPOSE, JSON.stringify(message), at.toISOString());
      const { id } = await db.mailboxMessage.create({ data: { at, sealed }, select: { id: true } });
      await db.mailboxMessage.deleteMany({ where: { id: { lte: id - BigInt(KEPT) } } });
    },

    async list() {
      const rows = await db.mailboxMessage.findMany({ orderBy: { id: 'desc' }, take: KEPT });
      return rows.flatMap(({ id, at, sealed }) => {
        const sentAt = at.toISOString();
        try {
          const text = keyring.open(PURPOSE, sealed, sentAt).toString('utf8');
          return [{ ...(JSON.parse(text) as Message), id: String(id), sentAt }];
        } catch {
          // Of another keyring: generated anew, or the database was copied here.
          return [];
        }
      });
    },
  };
}
