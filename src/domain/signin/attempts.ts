/**
 * The attempts that are under way. A row is found by its interaction only, by the hash of its
 * id; it holds what is proven so far, and what was shown once and is not acknowledged yet.
 */
import { digest } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';
import type { Factor, Proof } from './next-step.js';
import { type AttemptRow, attemptStore } from './store.js';

/** So many wrong codes end an attempt (OWASP ASVS 6.6.3). */
export const MAX_WRONG_CODES = 5;

const PURPOSE = 'sign-in-attempt';
const LIFETIME_SECONDS = 600;

export type SignInAttempt = {
  readonly accountId: string;
  /** The account's epoch when its password was looked at. */
  readonly securityEpoch: number;
  readonly proven: readonly Proof[];
  readonly wrongCodes: number;
  /** Wrong passwords in a row before the right one. */
  readonly failuresBefore: number;
  /** A seed that was shown and waits for its first code. */
  readonly sealedSeed: Bytes | undefined;
  /** New recovery codes that wait to be seen. */
  readonly recoveryCodes: readonly string[] | undefined;
};

export type AttemptState =
  | { readonly kind: 'live'; readonly attempt: SignInAttempt }
  /** Too many wrong codes: this interaction is over. */
  | { readonly kind: 'void' }
  /** Never begun, ended, too old, or taken back with the account's epoch. */
  | { readonly kind: 'gone' };

export type WrongCodeCount =
  | { readonly kind: 'counted'; readonly left: number }
  | { readonly kind: 'void' };

export type Attempts = ReturnType<typeof createAttempts>;

/** What waits for the person, as it is sealed into the row. */
type Waiting = { readonly seed: string } | { readonly codes: readonly string[] };

export function createAttempts({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = attemptStore(db, MAX_WRONG_CODES);
  // Bound to the interaction: a row copied over another one shows nothing.
  const contextOf = (idHash: Bytes) => Buffer.from(idHash).toString('hex');

  function stateOf(idHash: Bytes, row: AttemptRow | undefined): AttemptState {
    if (!row) return { kind: 'gone' };
    if (row.wrongCodes >= MAX_WRONG_CODES) return { kind: 'void' };
    if (!row.alive || row.accountId === null) return { kind: 'gone' };
    const waiting: Waiting | undefined =
      row.sealed &&
      JSON.parse(keyring.open(PURPOSE, row.sealed, contextOf(idHash)).toString('utf8'));
    return {
      kind: 'live',
      attempt: {
        accountId: row.accountId,
        securityEpoch: row.securityEpoch,
        proven: row.proven,
        wrongCodes: row.wrongCodes,
        failuresBefore: row.failuresBefore,
        sealedSeed:
          waiting && 'seed' in waiting
            ? new Uint8Array(Buffer.from(waiting.seed, 'base64'))
            : undefined,
        recoveryCodes: waiting && 'codes' in waiting ? waiting.codes : undefined,
      },
    };
  }

  const keep = (interactionId: string, waiting: Waiting) => {
    const idHash = digest(interactionId);
    return store.keep(idHash, keyring.seal(PURPOSE, JSON.stringify(waiting), contextOf(idHash)));
  };

  return {
    /**
     * Begins an attempt, or begins it anew for whoever typed their password now; nothing proven
     * or shown before is taken over. Wrong codes are: another password buys no more guesses, and
     * a void interaction stays void (false).
     */
    begin(
      interactionId: string,
      input: {
        accountId: string;
        securityEpoch: number;
        failuresBefore?: number;
        lifetimeSeconds?: number;
      },
    ): Promise<boolean> {
      return store.begin(digest(interactionId), {
        accountId: input.accountId,
        securityEpoch: input.securityEpoch,
        failuresBefore: input.failuresBefore ?? 0,
        lifetimeSeconds: input.lifetimeSeconds ?? LIFETIME_SECONDS,
      });
    },

    async load(interactionId: string): Promise<AttemptState> {
      const idHash = digest(interactionId);
      return stateOf(idHash, await store.find(idHash));
    },

    /**
     * The same, and keeps others from it until the transaction ends. Codes are looked at behind
     * this only: else a burst of guesses is all judged before the first one is counted.
     */
    async hold(interactionId: string): Promise<AttemptState> {
      const idHash = digest(interactionId);
      return stateOf(idHash, await store.hold(idHash));
    },

    /** Notes a proven factor, at database time; false when the attempt is no longer alive. */
    prove: (interactionId: string, factor: Factor): Promise<boolean> =>
      store.prove(digest(interactionId), factor),

    /** Counts a wrong code; the fifth empties the attempt and ends it. */
    async countWrongCode(interactionId: string): Promise<WrongCodeCount> {
      const count = await store.countWrongCode(digest(interactionId));
      if (count === undefined || count >= MAX_WRONG_CODES) return { kind: 'void' };
      return { kind: 'counted', left: MAX_WRONG_CODES - count };
    },

    /** Keeps the seed that is being shown (it is sealed for its account already). */
    keepEnrolment: (interactionId: string, sealedSeed: Uint8Array): Promise<boolean> =>
      keep(interactionId, { seed: Buffer.from(sealedSeed).toString('base64') }),

    /** Keeps new recovery codes until they were seen; takes the place of the seed. */
    keepRecoveryCodes: (interactionId: string, codes: readonly string[]): Promise<boolean> =>
      keep(interactionId, { codes }),

    /** They were seen: nobody can read them here any more. */
    forgetRecoveryCodes: (interactionId: string): Promise<boolean> =>
      store.keep(digest(interactionId), null),

    /**
     * Ends a live attempt. True for exactly one caller: whoever gets it may finish the
     * interaction. A void one is left, so that it stays void.
     */
    end: (interactionId: string): Promise<boolean> => store.end(digest(interactionId)),

    /** Ends whatever is under way for an account, and empties it of what was shown once. */
    forgetAccount: (accountId: string): Promise<void> => store.forget(accountId),

    /** Clears one batch of what ended by itself long ago; returns how many rows went. */
    deleteExpired: (limit: number): Promise<number> => store.deleteExpired(limit),
  };
}
