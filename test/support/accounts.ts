/** A database of one's own with accounts in it, and a clock that moves when it is told to. */
import { randomBytes } from 'node:crypto';
import { createIdentity } from '../../src/domain/identity/index.js';
import type { Clock } from '../../src/kernel/clock.js';
import { createKeyring, type Keyring, type KeyringEntry } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { openPostgres, type Postgres } from '../../src/platform/postgres.js';
import { freshDatabase } from './database.js';

export type Accounts = {
  readonly postgres: Postgres;
  readonly keyring: Keyring;
  /** The key of the ring, for making a newer one that still has it. */
  readonly key: KeyringEntry;
  /** Creates an account without credentials; gives its id. */
  newAccount(kind?: 'shopper' | 'staff'): Promise<string>;
  /** Raises the account's security epoch; gives the new one. */
  revoke(accountId: string): Promise<number>;
  epochOf(accountId: string): Promise<number>;
  close(): Promise<void>;
};

export const newKey = (id: string): KeyringEntry => ({ id, key: new Uint8Array(randomBytes(32)) });

export async function openAccounts(): Promise<Accounts> {
  const database = await freshDatabase();
  // A machine that is busy with other tests is no outage.
  const postgres = openPostgres({ url: new Secret(database.url), poolSize: 20, patient: true });
  const key = newKey('first');
  const keyring = createKeyring([key]);
  const identity = createIdentity({ db: postgres.db, keyring });
  const epochOf = async (id: string) => (await identity.findAccount(id))?.securityEpoch ?? -1;
  return {
    postgres,
    keyring,
    key,
    epochOf,
    async newAccount(kind = 'shopper') {
      const created = await postgres.transaction((tx) =>
        createIdentity({ db: tx, keyring }).createAccount({
          kind,
          email: `${randomBytes(8).toString('hex')}@example.org`,
          emailVerified: true,
          profile: {},
        }),
      );
      if (created.kind !== 'created') throw new Error('the name was taken');
      return created.id;
    },
    async revoke(accountId) {
      await identity.raiseSecurityEpoch(accountId);
      return epochOf(accountId);
    },
    async close() {
      await postgres.close();
      await database.drop();
    },
  };
}

export type MovableClock = Clock & { forward(seconds: number): void };

/** Stands still at a full time step of 30 seconds until it is moved. */
export function movableClock(start = '2030-01-01T12:00:00Z'): MovableClock {
  let time = Date.parse(start);
  return {
    now: () => new Date(time),
    forward(seconds) {
      time += seconds * 1000;
    },
  };
}

/** The same thing done twenty times at once. */
export function twenty<T>(work: (turn: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: 20 }, (_, turn) => work(turn)));
}
