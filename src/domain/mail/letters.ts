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
      readonly by?: 'passkey';
    }
  | {
      readonly kind: 'second_factor_changed';
      readonly change: 'added' | 'removed' | 'recovery_codes_made';
    }
  | {
      readonly kind: 'passkey_changed';
      /** `suspicious`: its count did not rise, so there may be a copy; it was refused. */
      readonly change: 'added' | 'removed' | 'suspicious';
      readonly name: string;
    }
  /** Somebody knows the password, and nothing else: the owner must hear of it. */
  | { readonly kind: 'sign_in_void' }
  | { readonly kind: 'recovery_code_used'; readonly left: number }
  | { readonly kind: 'password_changed' }
  /** The letter is the only place where the token stands in full; the queue holds it sealed. */
  | { readonly kind: 'password_reset'; readonly token: string }
  /** Somebody wanted to create an account with the address of one that exists. */
  | { readonly kind: 'already_registered' };

/** To an address that is not proven yet; what is in it proves it. */
export type NewcomerFacts = {
  readonly kind: 'registration';
  readonly token: string;
  readonly code: string;
};

/** To the owner of an account. */
export type AccountLetter = { readonly accountId: string } & Circumstances & LetterFacts;
/** To whoever reads the mail of a registration. */
export type NewcomerLetter = { readonly registrationId: string } & Circumstances & NewcomerFacts;

/**
 * A letter names its reader by an id alone: the address is looked up when it is sent, so
 * somebody who was erased in the meantime gets nothing, and nothing of them waits in a queue.
 */
export type Letter = AccountLetter | NewcomerLetter;

export type LetterKind = Letter['kind'];

const kinds: Readonly<Record<LetterKind, true>> = {
  suspicious_sign_in: true,
  sign_in_void: true,
  second_factor_changed: true,
  passkey_changed: true,
  recovery_code_used: true,
  password_changed: true,
  password_reset: true,
  already_registered: true,
  registration: true,
};

/** The id of whoever gets it. */
export const readerOf = (letter: Letter): string =>
  'accountId' in letter ? letter.accountId : letter.registrationId;

export function serializeLetter(letter: Letter): string {
  return JSON.stringify(letter);
}

/** Throws for a kind this version does not know: a newer node will, at the next attempt. */
export function parseLetter(text: string): Letter {
  const letter = JSON.parse(text) as { readonly kind: string; readonly at: string };
  if (!Object.hasOwn(kinds, letter.kind)) throw new Error('A letter of an unknown kind');
  return { ...letter, at: new Date(letter.at) } as Letter;
}
