/**
 * Mail: the letters that tell people what happened to their account (OWASP ASVS 6.3.7).
 *
 * Promises: a letter is queued in the transaction of the fact itself, so neither goes out
 * without the other; whoever reads the queue's tables learns neither whom nor what it is about;
 * no address is kept in it but that of a closed account, sealed and for a few hours, because
 * there is nowhere left to look it up.
 */
import { newId } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Db } from '../../platform/postgres.js';
import { type Letter, parseLetter, readerOf, serializeLetter } from './letters.js';
import { mailStore, SEND_LETTER } from './store.js';

export type {
  AccountLetter,
  Circumstances,
  FarewellFacts,
  FarewellLetter,
  LeftLetter,
  Letter,
  LetterFacts,
  LetterKind,
  NewcomerFacts,
  NewcomerLetter,
  Surprise,
  WantedLetter,
} from './letters.js';

export { FAREWELL_SECONDS } from './letters.js';

/** The queue's name for the sending of a letter. */
export const sendLetterTask = SEND_LETTER;

export type Mail = ReturnType<typeof createMail>;

const PURPOSE = 'letter';
const KEY_PURPOSE = 'letter-key';

export function createMail({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = mailStore(db);
  return {
    /**
     * Queues a letter; call it in the transaction of what it tells about.
     *
     * @param options.once one letter of this kind to this reader for this key, while it waits.
     *   Stored as a blind index: a key made of something personal gives nothing away.
     */
    async enqueue(letter: Letter, options: { readonly once?: string } = {}): Promise<void> {
      const id = newId();
      const box = keyring.seal(PURPOSE, serializeLetter(letter), id);
      const { once } = options;
      const words = `${readerOf(letter)}\0${letter.kind}\0${once}`;
      const index = once === undefined ? undefined : keyring.blindIndexes(KEY_PURPOSE, words)[0];
      await store.add(
        { letter: id, sealed: Buffer.from(box).toString('base64') },
        index ? Buffer.from(index.index).toString('base64url') : null,
      );
    },

    /** Opens what the queue hands back; throws if it was altered or is none of ours. */
    openLetter(payload: unknown): Letter {
      const { letter, sealed } = (payload ?? {}) as { letter?: unknown; sealed?: unknown };
      if (typeof letter !== 'string' || typeof sealed !== 'string') {
        throw new Error('A queued letter has no sealed content');
      }
      const box = Buffer.from(sealed, 'base64');
      return parseLetter(keyring.open(PURPOSE, box, letter).toString('utf8'));
    },
  };
}
