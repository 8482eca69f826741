/**
 * A letter leaves the queue: its reader is looked up now, not when it was written, so that a
 * person erased or disabled in between gets nothing, and a changed address is the right one.
 *
 * Only here it turns out whether a newcomer's address has an account already (OWASP ASVS 6.3.8):
 * whoever asked has had the answer long ago, so neither its words nor its time can tell.
 */
import type { EmailChanges, EmailRequests, Identity } from '../domain/identity/index.js';
import {
  type AccountLetter,
  FAREWELL_SECONDS,
  type LeftLetter,
  type Letter,
  type NewcomerLetter,
  type WantedLetter,
} from '../domain/mail/index.js';
import type { Registrations } from '../domain/registrations/index.js';
import type { Clock } from '../kernel/clock.js';

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
  | {
      readonly kind: 'dropped';
      readonly reason: 'no_account' | 'disabled' | 'forgotten' | 'expired' | 'undeliverable';
    }
  /** Their mail server says that the mailbox does not exist: asking again only annoys it. */
  | { readonly kind: 'refused' };

export type SendLetter = (letter: Letter) => Promise<SendLetterResult>;

type Addressed = { readonly to: string; readonly letter: Letter };
type Dropped = Extract<SendLetterResult, { kind: 'dropped' }>;

export function createSendLetter(parts: {
  readonly identity: Pick<Identity, 'findPerson' | 'findNameHolder'> &
    Pick<EmailRequests, 'findEmailRequest'> &
    Pick<EmailChanges, 'findLeftAddresses'>;
  readonly registrations: Pick<Registrations, 'findById'>;
  readonly mailer: Mailer;
  readonly clock: Clock;
  readonly render: (letter: Letter) => Omit<Message, 'to'>;
}): SendLetter {
  async function toOwner(letter: AccountLetter): Promise<Addressed | Dropped> {
    const person = await parts.identity.findPerson(letter.accountId);
    if (!person) return { kind: 'dropped', reason: 'no_account' };
    if (person.status !== 'active') return { kind: 'dropped', reason: 'disabled' };
    if (!person.email) return { kind: 'dropped', reason: 'forgotten' };
    return { to: person.email, letter };
  }

  /** The code and the link go to an address without an account; an owner is told, and no more. */
  async function toNewcomer(letter: NewcomerLetter): Promise<Addressed | Dropped> {
    const newcomer = await parts.registrations.findById(letter.registrationId);
    if (!newcomer) return { kind: 'dropped', reason: 'expired' };
    const owner = await parts.identity.findNameHolder(newcomer.email);
    if (!owner) return { to: newcomer.email, letter };
    const { at, shop, device } = letter;
    return toOwner({
      kind: 'already_registered',
      accountId: owner.id,
      at,
      ...(shop === undefined ? {} : { shop }),
      ...(device === undefined ? {} : { device }),
    });
  }

  /** The same for an owner who wants another address: whoever has it is told, without the code. */
  async function toWanted(letter: WantedLetter): Promise<Addressed | Dropped> {
    const request = await parts.identity.findEmailRequest(letter.emailRequestId);
    if (!request) return { kind: 'dropped', reason: 'expired' };
    const holder = await parts.identity.findNameHolder(request.email);
    if (!holder || holder.id === request.accountId) return { to: request.email, letter };
    // Nothing of where it was asked for: that is somebody else's.
    return toOwner({ kind: 'email_wanted', accountId: holder.id, at: letter.at });
  }

  /** No account has these addresses, so the change says which they are. */
  async function toLeft(letter: LeftLetter): Promise<Addressed | Dropped> {
    const left = await parts.identity.findLeftAddresses(letter.emailChangeId);
    if (!left) return { kind: 'dropped', reason: 'expired' };
    const account = await parts.identity.findPerson(left.accountId);
    if (account?.status !== 'active') return { kind: 'dropped', reason: 'disabled' };
    const to = letter.kind === 'email_left' ? left.from : left.to;
    return to === undefined ? { kind: 'dropped', reason: 'forgotten' } : { to, letter };
  }

  async function address(letter: Letter): Promise<Addressed | Dropped> {
    if ('registrationId' in letter) return toNewcomer(letter);
    if ('to' in letter) return { to: letter.to, letter };
    if ('emailRequestId' in letter) return toWanted(letter);
    return 'emailChangeId' in letter ? toLeft(letter) : toOwner(letter);
  }

  return async (letter) => {
    const addressed = await address(letter);
    if ('kind' in addressed) return addressed;
    try {
      await parts.mailer.send({ to: addressed.to, ...parts.render(addressed.letter) });
    } catch (error) {
      if (isPermanent(error)) return { kind: 'refused' };
      // An address without an account must not wait in the queue for a mail server to come back.
      const age = (parts.clock.now().getTime() - letter.at.getTime()) / 1000;
      if ('to' in letter && age > FAREWELL_SECONDS) {
        return { kind: 'dropped', reason: 'undeliverable' };
      }
      throw error;
    }
    return { kind: 'sent' };
  };
}

function isPermanent(error: unknown): boolean {
  return error instanceof Error && 'permanent' in error && error.permanent === true;
}
