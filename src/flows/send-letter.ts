/**
 * A letter leaves the queue: its reader is looked up now, not when it was written, so that a
 * person erased or disabled in between gets nothing, and a changed address is the right one.
 */
import type { Identity } from '../domain/identity/index.js';
import type { Letter } from '../domain/mail/index.js';

export type Message = {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
};

/** Whoever carries messages away; a throw means "not now" unless it says `permanent`. */
export type Mailer = { send(message: Message): Promise<void> };

export type SendLetterResult =
  | { readonly kind: 'sent' }
  | { readonly kind: 'dropped'; readonly reason: 'no_account' | 'disabled' | 'forgotten' }
  /** Their mail server says that the mailbox does not exist: asking again only annoys it. */
  | { readonly kind: 'refused' };

export type SendLetter = (letter: Letter) => Promise<SendLetterResult>;

export function createSendLetter(parts: {
  readonly identity: Pick<Identity, 'findPerson'>;
  readonly mailer: Mailer;
  readonly render: (letter: Letter) => Omit<Message, 'to'>;
}): SendLetter {
  return async (letter) => {
    const person = await parts.identity.findPerson(letter.accountId);
    if (!person) return { kind: 'dropped', reason: 'no_account' };
    if (person.status !== 'active') return { kind: 'dropped', reason: 'disabled' };
    if (!person.email) return { kind: 'dropped', reason: 'forgotten' };
    try {
      await parts.mailer.send({ to: person.email, ...parts.render(letter) });
    } catch (error) {
      if (isPermanent(error)) return { kind: 'refused' };
      throw error;
    }
    return { kind: 'sent' };
  };
}

function isPermanent(error: unknown): boolean {
  return error instanceof Error && 'permanent' in error && error.permanent === true;
}
