/**
 * Whose guesses are counted together. A counter belongs to a subject, a factor and a class of
 * device, so that one attack cannot be turned into another:
 *
 * - the subject is the account, or the typed name where there is none. Unknown names count and
 *   lock like known ones, so a lock says nothing about who has an account;
 * - each factor has its own counter. With a common one, whoever knows the password would reset
 *   the count of wrong codes by logging in half way, and could try codes for ever;
 * - a device that has logged in to this account before has a counter of its own. Strangers share
 *   the other one: burning it shuts out strangers, not the owner (OWASP Device Cookies).
 */
import type { Keyring } from '../../kernel/keyring.js';
import type { Bytes } from '../../kernel/sealed-box.js';

/** How many guesses may fail in a row before a counter locks (PCI DSS 4.0.1, 8.3.4). */
export const GUESS_LIMIT = 10;

/**
 * How long a counter remembers its last guess, and how long a lock holds. The window slides with
 * every guess: a fixed one would let nineteen guesses through around its edge. Refused guesses
 * prolong nothing, so every lock opens by itself.
 */
export const GUESS_WINDOW_SECONDS = 30 * 60;

const factors = ['password', 'code'] as const;
export type GuessFactor = (typeof factors)[number];

/** The account where there is one, else the name as it was typed. */
export type GuessSubject = { readonly accountId: string } | { readonly login: string };

export type Guess = {
  readonly subject: GuessSubject;
  readonly factor: GuessFactor;
  /** Only what `recogniseDevice` returned for this very account. */
  readonly deviceId?: string | undefined;
};

/** A slot that was spent on one guess. */
export type Slot = {
  readonly kind: 'reserved';
  /** How many guesses in a row were spent before this one and not taken back. */
  readonly failures: number;
};

export type Standing =
  | { readonly kind: 'open'; readonly failures: number }
  | { readonly kind: 'locked'; readonly retryAfterSeconds: number };

export type Reservation = Slot | { readonly kind: 'locked'; readonly retryAfterSeconds: number };

export type GuessKeys = ReturnType<typeof guessKeys>;

/** The rows that guesses are counted in. They are HMACs: a dump names nobody. */
export function guessKeys(keyring: Keyring) {
  const keyOf = (subject: string[], factor: GuessFactor, deviceId: string | undefined): Bytes => {
    // JSON keeps the parts apart: no name can be typed that runs into the next part.
    const text = JSON.stringify([...subject, factor, deviceId ?? 'stranger']);
    // Under the oldest key of the ring: a new key in front of it must not start every counter
    // again, nor give nodes that learn of it at different times a counter each.
    const oldest = keyring.blindIndexes('guess-counter', text).at(-1);
    if (!oldest) throw new Error('The keyring is empty');
    return oldest.index;
  };
  return {
    of: (guess: Guess): Bytes => keyOf(partsOf(guess.subject), guess.factor, guess.deviceId),

    /** The counters of a subject, given the devices it is known to have. */
    all: (
      subject: GuessSubject,
      deviceIds: readonly string[],
      of: readonly GuessFactor[] = factors,
    ): readonly Bytes[] =>
      of.flatMap((factor) =>
        [undefined, ...deviceIds].map((id) => keyOf(partsOf(subject), factor, id)),
      ),
  };
}

function partsOf(subject: GuessSubject): string[] {
  if ('accountId' in subject) return ['account', subject.accountId];
  // However it is typed it is one name, or each spelling would bring ten more guesses.
  return ['login', subject.login.trim().normalize('NFC').toLowerCase()];
}
