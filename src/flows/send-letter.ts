/**
 * A letter leaves the queue: its reader is looked up now, not when it was written, so that a
 * person erased or disabled in between gets nothing, and a changed address is the right one.
 *
 * Only here it turns out whether a newcomer's address has an account already (OWASP ASVS 6.3.8):
 * whoever asked has had the answer long ago, so neither its words nor its time can tell.
 */
import {
  type AccountLetter,
  causeOf,
  FAREWELL_SECONDS,
  LETTERS_CAUSED_PER_HOUR,
  type LeftLetter,
  type Letter,
  type NewcomerLetter,
  type WantedLetter,
} from '../domain/mail/index.js';
import type { Clock } from '../kernel/clock.js';
import type { Language } from '../kernel/language.js';
import type { FlowParts } from './domain.js';
import { type LetterSetting, settingOf } from './letter-setting.js';

export type { LetterBrand, LetterSetting } from './letter-setting.js';

export type Message = {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Those that the HTML shows as `cid:…`. */
  readonly pictures: readonly {
    readonly cid: string;
    readonly type: 'image/png';
    readonly bytes: Uint8Array;
  }[];
};

/** Whoever carries messages away; a throw means "not now" unless it says `permanent`. */
export type Mailer = { send(message: Message): Promise<void> };

export type SendLetterResult =
  | { readonly kind: 'sent' }
  | {
      readonly kind: 'dropped';
      /**
       * `expired`: what is in it no longer opens anything. `flood`: somebody has caused many.
       */
      readonly reason:
        | 'no_account'
        | 'disabled'
        | 'forgotten'
        | 'expired'
        | 'undeliverable'
        | 'flood';
    }
  /** Their mail server says that the mailbox does not exist: asking again only annoys it. */
  | { readonly kind: 'refused' };

export type SendLetter = (letter: Letter) => Promise<SendLetterResult>;

type Addressed = {
  readonly to: string;
  readonly letter: Letter;
  readonly locale?: Language | undefined;
};
type Dropped = Extract<SendLetterResult, { kind: 'dropped' }>;

const HOUR = 3600;

export function createSendLetter(
  parts: FlowParts & {
    readonly clock: Clock;
    readonly mailer: Mailer;
    readonly render: (letter: Letter, setting: LetterSetting) => Omit<Message, 'to'>;
  },
): SendLetter {
  const { identity, registrations, credentials, risk, clients, mail } = parts.domain;

  async function toOwner(letter: AccountLetter): Promise<Addressed | Dropped> {
    const person = await identity.findPerson(letter.accountId);
    if (!person) return { kind: 'dropped', reason: 'no_account' };
    if (person.status !== 'active') return { kind: 'dropped', reason: 'disabled' };
    if (!person.email) return { kind: 'dropped', reason: 'forgotten' };
    // Asked for twice while the queue stood still: only the newer link opens anything.
    if (letter.kind === 'password_reset') {
      const link = await credentials.findLink('password_reset', letter.token);
      if (!link) return { kind: 'dropped', reason: 'expired' };
    }
    return { to: person.email, letter, locale: person.profile.locale };
  }

  /** The code and the link go to an address without an account; an owner is told, and no more. */
  async function toNewcomer(letter: NewcomerLetter): Promise<Addressed | Dropped> {
    const newcomer = await registrations.findById(letter.registrationId);
    if (!newcomer) return { kind: 'dropped', reason: 'expired' };
    const owner = await identity.findNameHolder(newcomer.email);
    if (!owner) return { to: newcomer.email, letter };
    const { registrationId: _id, token: _token, code: _code, ...circumstances } = letter;
    return toOwner({ ...circumstances, kind: 'already_registered', accountId: owner.id });
  }

  /** The same for an owner who wants another address: whoever has it is told, without the code. */
  async function toWanted(letter: WantedLetter): Promise<Addressed | Dropped> {
    const request = await identity.findEmailRequest(letter.emailRequestId);
    if (!request) return { kind: 'dropped', reason: 'expired' };
    const holder = await identity.findNameHolder(request.email);
    if (!holder || holder.id === request.accountId) return { to: request.email, letter };
    // Nothing of where it was asked for: that is somebody else's.
    return toOwner({ kind: 'email_wanted', accountId: holder.id, at: letter.at });
  }

  /** No account has these addresses, so the change says which they are. */
  async function toLeft(letter: LeftLetter): Promise<Addressed | Dropped> {
    const left = await identity.findLeftAddresses(letter.emailChangeId);
    if (!left) return { kind: 'dropped', reason: 'expired' };
    const account = await identity.findPerson(left.accountId);
    if (account?.status !== 'active') return { kind: 'dropped', reason: 'disabled' };
    const to = letter.kind === 'email_left' ? left.from : left.to;
    return to === undefined
      ? { kind: 'dropped', reason: 'forgotten' }
      : { to, letter, locale: account.profile.locale };
  }

  async function address(letter: Letter): Promise<Addressed | Dropped> {
    if ('registrationId' in letter) return toNewcomer(letter);
    if ('to' in letter) return { to: letter.to, letter };
    if ('emailRequestId' in letter) return toWanted(letter);
    return 'emailChangeId' in letter ? toLeft(letter) : toOwner(letter);
  }

  async function carry({ to, letter, locale }: Addressed): Promise<SendLetterResult> {
    const owner = 'accountId' in letter ? letter.accountId : undefined;
    try {
      const setting = await settingOf(clients, letter, locale);
      await parts.mailer.send({ to, ...parts.render(letter, setting) });
    } catch (error) {
      if (!isPermanent(error)) {
        // An address without an account must not wait in the queue for a server to come back.
        const age = (parts.clock.now().getTime() - letter.at.getTime()) / 1000;
        if (!('to' in letter) || age <= FAREWELL_SECONDS) throw error;
        return { kind: 'dropped', reason: 'undeliverable' };
      }
      if (owner) await noteRefusal(owner, to, letter);
      return { kind: 'refused' };
    }
    // It has gone out, and must not go out again because this cannot be noted.
    if (owner) await mail.forgetRefusal(owner).catch(() => undefined);
    return { kind: 'sent' };
  }

  const noteRefusal = (accountId: string, address: string, { kind }: Letter): Promise<void> =>
    parts.transact(async ({ mail, audit }) => {
      await mail.recordRefusal(accountId, address, parts.clock.now());
      await audit.record({
        event: 'letter_refused',
        result: 'failure',
        actor: { kind: 'system' },
        subjectId: accountId,
        details: { letter: kind },
      });
    });

  return async (letter) => {
    const addressed = await address(letter);
    if ('kind' in addressed) return addressed;
    const cause = causeOf(addressed.letter);
    if (cause === undefined || !('accountId' in addressed.letter)) return carry(addressed);

    // Counted first and judged by the count: of a burst on all nodes no more go out than may.
    const counted = ['letter-caused', `${addressed.letter.accountId} ${cause}`] as const;
    const count = await risk.countUse(...counted, HOUR);
    if (count > LETTERS_CAUSED_PER_HOUR) return { kind: 'dropped', reason: 'flood' };
    try {
      return await carry(addressed);
    } catch (error) {
      // It will be tried again: a mail server that is away must not use the limit up.
      await risk.returnUse(...counted);
      throw error;
    }
  };
}

function isPermanent(error: unknown): boolean {
  return error instanceof Error && 'permanent' in error && error.permanent === true;
}
