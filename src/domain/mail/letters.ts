/** What people are written about, and what is told of it. */
import type { Language } from '../../kernel/language.js';

/** Why a sign-in that succeeded is worth a letter (OWASP ASVS 6.3.5). */
export type Surprise = 'after_failures' | 'new_device' | 'new_network';

/** When and where, as coarse as a letter needs it: an inbox is read by others, too. */
export type Circumstances = {
  readonly at: Date;
  /** The name of the application it happened in; the server's own host name without one. */
  readonly shop?: string | undefined;
  /** Its id, for its name and its looks. */
  readonly clientId?: string | undefined;
  /** What the page spoke on which it happened; the reader's own language comes before it. */
  readonly language?: Language | undefined;
  /** "Firefox on Windows": our own words for a device, never what the device says of itself. */
  readonly device?: string;
  /** A network or a country, never a whole address. */
  readonly network?: string;
};

export type LetterFacts =
  | {
      readonly kind: 'suspicious_sign_in';
      readonly why: readonly Surprise[];
      /** What it was done with; a password unless it says so. */
      readonly by?: 'passkey' | 'email_code';
    }
  | {
      readonly kind: 'second_factor_changed';
      readonly change: 'added' | 'removed' | 'recovery_codes_made';
    }
  /** The token stops it; the queue holds it sealed. `effectiveAt`: ISO 8601. */
  | {
      readonly kind: 'second_factor_reset_planned';
      readonly token: string;
      readonly effectiveAt: string;
    }
  | { readonly kind: 'second_factor_reset_stopped'; readonly by: 'link' | 'staff' | 'use' }
  | {
      readonly kind: 'passkey_changed';
      /** `suspicious`: its count did not rise, so there may be a copy; it was refused. */
      readonly change: 'added' | 'removed' | 'suspicious';
      readonly name: string;
    }
  /** Somebody knows the password, or reads the mail, and nothing else: the owner must hear of it. */
  | { readonly kind: 'sign_in_void'; readonly by?: 'email_code' }
  /** The letter is the only place where the code stands in clear; the queue holds it sealed. */
  | { readonly kind: 'sign_in_code'; readonly code: string }
  /** The address is proven for the first time; what was in the account before has ended. */
  | { readonly kind: 'address_confirmed' }
  /** What keeps an application signed in was used twice, so there is a copy; it has ended. */
  | { readonly kind: 'token_reused' }
  | { readonly kind: 'recovery_code_used'; readonly left: number }
  | { readonly kind: 'password_changed' }
  /** An application asks for their approval from elsewhere. */
  | { readonly kind: 'approval_asked' }
  /** Nobody else's business what it is: the number itself is not told. */
  | { readonly kind: 'phone_changed'; readonly change: 'added' | 'changed' | 'removed' }
  /** The letter is the only place where the token stands in full; the queue holds it sealed. */
  | { readonly kind: 'password_reset'; readonly token: string }
  /** Somebody wanted to create an account with the address of one that exists. */
  | { readonly kind: 'already_registered' }
  /** Somebody wanted to move another account to the address of this one. */
  | { readonly kind: 'email_wanted' }
  /** To the address that the account has now. */
  | { readonly kind: 'email_changed' }
  /** To the address that was taken back; the token opens the way to a new password. */
  | { readonly kind: 'email_restored'; readonly token: string };

/** To an address that is not proven yet; what is in it proves it. */
export type NewcomerFacts = {
  readonly kind: 'registration';
  readonly token: string;
  readonly code: string;
};

/** To an address that is no account's yet; what is in it proves it. */
export type WantedFacts = { readonly kind: 'email_code'; readonly code: string };

/** To an address that an account has left. */
export type LeftFacts =
  /** The token opens the way back, if there is one. */
  | { readonly kind: 'email_left'; readonly token?: string }
  /** To the one it was changed to, and is no more. */
  | { readonly kind: 'email_undone' };

/** The last one, to somebody who has no account any more. */
export type FarewellFacts = { readonly kind: 'account_closed' };

/** To the owner of an account. */
export type AccountLetter = { readonly accountId: string } & Circumstances & LetterFacts;
/** To whoever reads the mail of a registration. */
export type NewcomerLetter = { readonly registrationId: string } & Circumstances & NewcomerFacts;

/** To whoever reads the mail of an address that an account is to have, or had. */
export type WantedLetter = { readonly emailRequestId: string } & Circumstances & WantedFacts;
export type LeftLetter = { readonly emailChangeId: string } & Circumstances & LeftFacts;

/** To an address that belongs to nobody by the time it is sent: it has to say where it goes. */
export type FarewellLetter = { readonly to: string } & Circumstances & FarewellFacts;

/**
 * A letter names its reader by an id alone: the address is looked up when it is sent, so
 * somebody who was erased in the meantime gets nothing, and nothing of them waits in a queue.
 * The one exception is the letter that tells of the erasing; it does not wait long.
 */
export type Letter = AccountLetter | NewcomerLetter | WantedLetter | LeftLetter | FarewellLetter;

/** A farewell that could not be delivered within this time is given up, and its address with it. */
export const FAREWELL_SECONDS = 6 * 3600;

export type LetterKind = Letter['kind'];

const kinds: Readonly<Record<LetterKind, true>> = {
  suspicious_sign_in: true,
  sign_in_void: true,
  sign_in_code: true,
  address_confirmed: true,
  second_factor_changed: true,
  second_factor_reset_planned: true,
  second_factor_reset_stopped: true,
  passkey_changed: true,
  token_reused: true,
  recovery_code_used: true,
  password_changed: true,
  approval_asked: true,
  phone_changed: true,
  account_closed: true,
  password_reset: true,
  already_registered: true,
  registration: true,
  email_wanted: true,
  email_changed: true,
  email_restored: true,
  email_code: true,
  email_left: true,
  email_undone: true,
};

/** What tells whoever gets it from others. */
export function readerOf(letter: Letter): string {
  if ('accountId' in letter) return letter.accountId;
  if ('registrationId' in letter) return letter.registrationId;
  if ('to' in letter) return letter.to;
  return 'emailRequestId' in letter ? letter.emailRequestId : letter.emailChangeId;
}

export function serializeLetter(letter: Letter): string {
  return JSON.stringify(letter);
}

/** Throws for a kind this version does not know: a newer node will, at the next attempt. */
export function parseLetter(text: string): Letter {
  const letter = JSON.parse(text) as { readonly kind: string; readonly at: string };
  if (!Object.hasOwn(kinds, letter.kind)) throw new Error('A letter of an unknown kind');
  return { ...letter, at: new Date(letter.at) } as Letter;
}
