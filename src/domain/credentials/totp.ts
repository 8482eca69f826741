/**
 * One-time codes from an authenticator app (RFC 6238).
 *
 * Promises: a seed is stored only after a code from it was seen, sealed under the keyring and
 * bound to its account; a code counts once, in whatever parallel burst it is sent, and so does
 * nothing older than it (RFC 6238 section 5.2, OWASP ASVS 6.5.1).
 */
import { type Clock, epochSeconds } from '../../kernel/clock.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';
import { totpStore } from './store.js';

/** The part of the code arithmetic that credentials need. */
export type OneTimeCodes = {
  newSecret(): string;
  uri(key: { readonly secret: string; readonly account: string; readonly issuer: string }): string;
  stepOf(code: string, secret: string, epochSeconds: number): number | undefined;
};

/** A seed that was shown and is not in use yet. */
export type TotpEnrolment = {
  /** To be kept on the server until the code comes; opens for this account only. */
  readonly sealedSeed: Bytes;
  /** Base32, for typing. */
  readonly secret: string;
  /** For the QR code. */
  readonly otpauthUri: string;
};

export type EnrolmentResult =
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'already-enrolled' };

/** The reason is for the audit record; a page says one sentence for all three. */
export type TotpCheck =
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong'; readonly reason: 'no_match' | 'replayed' | 'not_enrolled' };

export type Totp = ReturnType<typeof createTotp>;

const PURPOSE = 'totp';
const CODE = /^[0-9]{6}$/;
// Room for the spaces and dashes that apps show; nobody makes us clean a long text.
const LONGEST_INPUT = 16;

export function createTotp(parts: { db: Db; clock: Clock; keyring: Keyring; codes: OneTimeCodes }) {
  const { clock, keyring, codes } = parts;
  const store = totpStore(parts.db);

  /** The time step of a right code; `undefined` for any other text. */
  function stepOf(input: string, sealedSeed: Uint8Array, accountId: string): number | undefined {
    const code = input.length > LONGEST_INPUT ? '' : input.replace(/[\s-]/g, '');
    if (!CODE.test(code)) return undefined;
    const secret = keyring.open(PURPOSE, sealedSeed, accountId).toString('utf8');
    return codes.stepOf(code, secret, epochSeconds(clock.now()));
  }

  return {
    /** A new seed to show; nothing is stored. */
    beginEnrolment(accountId: string, email: string, issuerName: string): TotpEnrolment {
      const secret = codes.newSecret();
      return {
        sealedSeed: keyring.seal(PURPOSE, secret, accountId),
        secret,
        otpauthUri: codes.uri({ secret, account: email, issuer: issuerName }),
      };
    },

    /** What to show when the page is loaded again before the code came. */
    resumeEnrolment(
      accountId: string,
      email: string,
      issuerName: string,
      sealedSeed: Uint8Array,
    ): Omit<TotpEnrolment, 'sealedSeed'> {
      const secret = keyring.open(PURPOSE, sealedSeed, accountId).toString('utf8');
      return { secret, otpauthUri: codes.uri({ secret, account: email, issuer: issuerName }) };
    },

    /**
     * Takes the seed into use if the code is from it; the code is spent. An app that is there
     * already stays: of two people who enrol at once only one may win, and a new app takes the
     * place of an old one by `removeTotp` in the same transaction.
     */
    async confirmEnrolment(
      accountId: string,
      sealedSeed: Bytes,
      code: string,
    ): Promise<EnrolmentResult> {
      const step = stepOf(code, sealedSeed, accountId);
      if (step === undefined) return { kind: 'wrong' };
      const stored = await store.insert({
        accountId,
        sealedSeed,
        lastStep: step,
        createdAt: clock.now(),
      });
      return { kind: stored ? 'confirmed' : 'already-enrolled' };
    },

    /**
     * Gives an account an app whose seed is handed over by other means, as the demo's people
     * have theirs in `demo.json`. Nothing was typed, so no step is spent.
     */
    async provideTotp(accountId: string): Promise<{ secret: string }> {
      const secret = codes.newSecret();
      await store.remove(accountId);
      await store.insert({
        accountId,
        sealedSeed: keyring.seal(PURPOSE, secret, accountId),
        lastStep: 0,
        createdAt: clock.now(),
      });
      return { secret };
    },

    /** Whether the code is right and new; a right one is spent by that. */
    async checkTotp(accountId: string, code: string): Promise<TotpCheck> {
      const sealedSeed = await store.findSeed(accountId);
      if (!sealedSeed) return { kind: 'wrong', reason: 'not_enrolled' };
      const step = stepOf(code, sealedSeed, accountId);
      if (step === undefined) return { kind: 'wrong', reason: 'no_match' };
      const spent = await store.spendStep(accountId, sealedSeed, step);
      return spent ? { kind: 'right' } : { kind: 'wrong', reason: 'replayed' };
    },

    /** Since when the account has an app; nothing when it has none. */
    totpSince: (accountId: string): Promise<Date | undefined> => store.findCreatedAt(accountId),

    hasTotp: async (accountId: string): Promise<boolean> =>
      (await store.findSeed(accountId)) !== undefined,

    /**
     * Takes the app away, and the recovery codes with it: they stand in for it, and old ones
     * must not come back to life with the next app. False when there was none. Call it in a
     * transaction.
     */
    removeTotp: (accountId: string): Promise<boolean> => store.remove(accountId),
  };
}
