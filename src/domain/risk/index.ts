/**
 * Risk: how often somebody may guess, which devices and networks an account is used from, and
 * which challenges are spent.
 *
 * Promises: however many requests arrive at once and at whichever node, at most ten wrong guesses
 * are looked at in a row; a stranger's guesses never lock out a known device; every lock opens by
 * itself; a challenge counts once. All of it by database time.
 */
import type { Clock } from '../../kernel/clock.js';
import { digest, isId, newId } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import { networkOf } from '../../kernel/network.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';
import {
  DEVICES_PER_ACCOUNT,
  type KnownDevice,
  newDeviceToken,
  shortLabel,
  trustSeconds,
  trustsSecondFactor,
} from './devices/device.js';
import { deviceStore } from './devices/store.js';
import {
  GUESS_WINDOW_SECONDS,
  type Guess,
  type GuessFactor,
  type GuessSubject,
  guessKeys,
  type Reservation,
  type Slot,
  type Standing,
} from './guesses.js';
import { riskStore } from './store.js';

export { type ChallengeMode, needsChallenge } from './challenge-policy.js';
export {
  DEVICE_SECONDS,
  type KnownDevice,
  SECOND_FACTOR_TRUST_SECONDS,
  trustsSecondFactor,
} from './devices/device.js';
export { describeUserAgent, readDeviceLabel } from './devices/user-agent.js';
export type { Guess, GuessFactor, GuessSubject, Reservation, Slot } from './guesses.js';
export { GUESS_LIMIT } from './guesses.js';
export { createUserCodeTries, type UserCodeTries } from './user-codes/tries.js';

/**
 * Letters that open an account, make a new one or move one, passwords proposed under one link,
 * changes of a client by itself, and letters that strangers cause.
 */
export type LimitedUse =
  | 'reset-letter'
  | 'reset-proposal'
  | 'registration-letter'
  | 'email-letter'
  | 'code-letter'
  | 'code-letter-a-day'
  | 'client-change'
  | 'letter-caused'
  | 'approval-request'
  | 'approval-pair'
  | 'approval-client';

export type Risk = ReturnType<typeof createRisk>;

// Somebody on the road passes through many; beyond these the oldest is news again.
const NETWORKS_PER_ACCOUNT = 50;
/** No account has it. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

export function createRisk({ db, clock, keyring }: { db: Db; clock: Clock; keyring: Keyring }) {
  const store = riskStore(db);
  const devices = deviceStore(db);
  const keys = guessKeys(keyring);

  return {
    /**
     * Spends a slot for one guess. Call it before anything is hashed or compared, and never in a
     * transaction: one that is rolled back would give the slot back after the guess was answered,
     * and one that lasts would hold up everybody else who guesses at this counter.
     */
    async reserveGuess(guess: Guess): Promise<Reservation> {
      const key = keys.of(guess);
      const spent = await store.reserve(key);
      if (spent !== undefined) return { kind: 'reserved', failures: spent - 1 };
      const left = await store.secondsLocked(key);
      // The lock may open between the two statements.
      const retryAfterSeconds = Math.min(Math.max(left ?? 1, 1), GUESS_WINDOW_SECONDS);
      return { kind: 'locked', retryAfterSeconds };
    },

    /**
     * The guess was right: it and what was spent before it no longer count, and a lock that it
     * helped to close opens. What was spent after it still counts, for those guesses may be under
     * way at this moment. So the order of reservations decides and not who answers first: ten in
     * a row after a right one are still all there is, and the right password in the middle of a
     * burst does not hand the rest of the burst ten more.
     */
    forgiveGuesses: (guess: Guess, slot: Slot): Promise<void> =>
      store.takeBack(keys.of(guess), slot.failures + 1),

    /**
     * The guess was never looked at (too many were being hashed, or a challenge was missing), so
     * its slot, and no other, is free again. Else a busy server would lock people out.
     */
    returnGuess: (guess: Guess): Promise<void> => store.takeBack(keys.of(guess), 1),

    /**
     * How it stands with a counter, without spending anything: how many guesses in a row have
     * failed or are being looked at, or that it is locked.
     */
    async standingOf(guess: Guess): Promise<Standing> {
      const { failures, seconds } = await store.standing(keys.of(guess));
      return seconds > 0
        ? { kind: 'locked', retryAfterSeconds: Math.min(seconds, GUESS_WINDOW_SECONDS) }
        : { kind: 'open', failures };
    },

    /**
     * Forgets all guesses of a subject on every device, of every factor or of one; returns how
     * many counters.
     */
    async unlock(subject: GuessSubject, factor?: GuessFactor): Promise<number> {
      const ids = 'accountId' in subject ? await devices.ids(subject.accountId) : [];
      return store.clear(keys.all(subject, ids, factor && [factor]));
    },

    /**
     * Counts what may happen a few times only, in a window that begins with the first time; gives
     * how often it was, with this one. In a transaction, others wait for their turn.
     */
    async countUse(what: LimitedUse, id: string, windowSeconds: number): Promise<number> {
      return (await store.count(digest(`${what} ${id}`), windowSeconds)).count;
    },

    /** It did not happen, for want of something that is nobody's fault: it does not count. */
    returnUse: (what: LimitedUse, id: string): Promise<void> =>
      store.takeBack(digest(`${what} ${id}`), 1),

    /** A device that has just logged in fully. The token goes into its cookie and nowhere else. */
    async rememberDevice(input: {
      accountId: string;
      label: string;
      mfaTrustedForSeconds?: number | undefined;
    }): Promise<{ deviceId: string; token: string }> {
      const deviceId = newId();
      const { token, tokenHash } = newDeviceToken();
      await devices.insert({
        id: deviceId,
        accountId: input.accountId,
        tokenHash,
        label: shortLabel(input.label),
        trustSeconds: trustSeconds(input.mfaTrustedForSeconds),
      });
      await devices.trim(input.accountId, DEVICES_PER_ACCOUNT);
      return { deviceId, token };
    },

    /**
     * The device behind a cookie, if one of its tokens is this account's. One look-up whatever
     * is in it, and the same for nobody's account: else its time would tell who has one.
     */
    async recogniseDevice(input: {
      tokens: readonly string[];
      accountId: string | undefined;
    }): Promise<(KnownDevice & { readonly token: string }) | undefined> {
      if (input.tokens.length === 0) return undefined;
      const hashes = input.tokens.map((token) => digest(token));
      const found = await devices.find(hashes, input.accountId ?? NOBODY);
      if (!found) return undefined;
      const { tokenHash, ...device } = found;
      const at = hashes.findIndex((hash) => Buffer.from(hash).equals(tokenHash));
      return { ...device, token: input.tokens[at] ?? '' };
    },

    /** A known device has logged in fully again. Its cookie is to be set again as well. */
    touchDevice: (input: {
      accountId: string;
      deviceId: string;
      mfaTrustedForSeconds?: number | undefined;
    }): Promise<void> =>
      devices.touch(input.deviceId, input.accountId, trustSeconds(input.mfaTrustedForSeconds)),

    /** Whether the device stands in for a shopper's second factor. */
    trustsSecondFactor: (device: KnownDevice): boolean => trustsSecondFactor(device, clock.now()),

    listDevices: (accountId: string): Promise<KnownDevice[]> => devices.list(accountId),

    /** Forgets one device. False: this account has no such device. */
    async revokeDevice(accountId: string, deviceId: string): Promise<boolean> {
      return isId(deviceId) && (await devices.remove(accountId, deviceId)) > 0;
    },

    /** Forgets every device of an account but one; returns how many went. */
    async revokeOtherDevices(accountId: string, deviceId: string | undefined): Promise<number> {
      return devices.removeOthers(accountId, deviceId);
    },

    /**
     * Stops devices standing in for the second factor: one, or all of an account. They stay
     * known. Returns how many did.
     */
    async distrustDevices(accountId: string, deviceId?: string): Promise<number> {
      if (deviceId !== undefined && !isId(deviceId)) return 0;
      return devices.distrust(accountId, deviceId);
    },

    /** Forgets every device of an account: its password was reset, or its factors were. */
    revokeDevices: (accountId: string): Promise<number> => devices.remove(accountId),

    /**
     * Notes where an account logs in from and says whether that is news. A neighbourhood (/24 or
     * /48) rather than an address, and under the account's own HMAC: nobody who reads the table
     * learns where somebody was, or who was there together.
     */
    async noteNetwork(accountId: string, ip: string): Promise<'first' | 'known' | 'new'> {
      const text = JSON.stringify([accountId, networkOf(ip, { v4: 24, v6: 48 })]);
      const indexes = keyring.blindIndexes('seen-network', text).map(({ index }) => index);
      const newest = indexes[0];
      if (!newest) throw new Error('The keyring is empty');
      const before = await store.noteNetwork(accountId, newest, indexes);
      if (before.total === 0) return 'first';
      if (before.matching > 0) return 'known';
      await store.trimNetworks(accountId, NETWORKS_PER_ACCOUNT);
      return 'new';
    },

    /**
     * Forgets where an account was used from and how often somebody guessed at it: its devices,
     * networks and counters. Returns how many devices went.
     */
    async forgetAccount(accountId: string): Promise<number> {
      // The counters first: each device has one of its own.
      await store.clear(keys.all({ accountId }, await devices.ids(accountId), undefined));
      await store.forgetNetworks(accountId);
      return devices.remove(accountId);
    },

    /** Takes a solved challenge. False: somebody has used it already. */
    spendChallenge: (hash: Bytes, ttlSeconds: number): Promise<boolean> =>
      store.spendChallenge(hash, ttlSeconds),

    /** Plain counters for limits whose usual store is away; fixed windows, shared by all nodes. */
    sharedCounters: {
      add: (key: string, windowSeconds: number) => store.count(digest(key), windowSeconds),
      read: (key: string) => store.readCount(digest(key)),
    },

    /** Removes one batch of what has run out; returns its size. */
    async purgeRisk(limit: number): Promise<number> {
      return (await store.purge(limit)) + (await devices.purge(limit));
    },
  };
}
