/**
 * The development mailbox: where letters go when there is no SMTP server, for the demo and for
 * tests. Sealed under the keyring, so that a copied database shows nobody's letters.
 */
import type { Clock } from '../kernel/clock.js';
import type { Keyring } from '../kernel/keyring.js';
import type { Mailer, Message, Picture } from './mailer.js';
import type { Db } from './postgres.js';

export type KeptMessage = Omit<Message, 'pictures'> & {
  readonly id: string;
  readonly sentAt: string;
};

export type Mailbox = Mailer & {
  /** The newest first. */
  list(): Promise<KeptMessage[]>;
};

const PURPOSE = 'mailbox';
const KEPT = 100;

export function openMailbox(parts: { db: Db; keyring: Keyring; clock: Clock }): Mailbox {
  const { db, keyring, clock } = parts;
  return {
    async send({ to, subject, text, html, pictures = [] }) {
      const at = clock.now();
      const message = { to, subject, text, html: withPictures(html, pictures) };
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
          return [
            { ...(JSON.parse(text) as Omit<KeptMessage, 'id' | 'sentAt'>), id: String(id), sentAt },
          ];
        } catch {
          // Of another keyring: generated anew, or the database was copied here.
          return [];
        }
      });
    },
  };
}

/** Nothing can be fetched from a letter that is looked at in a browser, so its pictures are in it. */
function withPictures(html: string, pictures: readonly Picture[]): string {
  return pictures.reduce(
    (shown, { cid, type, bytes }) =>
      shown.replaceAll(
        `src="cid:${cid}"`,
        `src="data:${type};base64,${Buffer.from(bytes).toString('base64')}"`,
      ),
    html,
  );
}
