/** The islands on a database of their own, bound as the server binds them. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { buildDomain } from '../../src/compose.js';
import type { PasswordHasher } from '../../src/domain/credentials/index.js';
import type { Domain, Transact } from '../../src/flows/domain.js';
import { type Clock, systemClock } from '../../src/kernel/clock.js';
import { createKeyring, type KeyringEntry } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { createPasswordStrength } from '../../src/platform/password-strength.js';
import { openPostgres } from '../../src/platform/postgres.js';
import { freshDatabase } from './database.js';

export type TestDomain = {
  readonly url: string;
  readonly domain: Domain;
  readonly transact: Transact;
  /** Looks at the tables past all islands, or changes them as an attacker would. */
  sql<T = Record<string, unknown>>(text: string, values?: unknown[]): Promise<T[]>;
  close(): Promise<void>;
};

export type TestDomainOptions = {
  /** Share the database of another one. */
  readonly like?: TestDomain;
  readonly keys?: readonly KeyringEntry[];
  readonly clock?: Clock;
  readonly hasher?: PasswordHasher;
  /** Waits for its turn at a pool that others keep busy; so it does unless told otherwise. */
  readonly patient?: boolean;
};

/** A key for a keyring. */
export function masterKey(id: string): KeyringEntry {
  return { id, key: new Uint8Array(randomBytes(32)) };
}

const nobodyHashes: PasswordHasher = {
  hash: () => Promise.reject(new Error('this test hashes nothing')),
  verify: () => Promise.reject(new Error('this test verifies nothing')),
  needsRehash: () => false,
  dummyHash: '',
};

export async function openDomain(options: TestDomainOptions = {}): Promise<TestDomain> {
  const database = options.like ? undefined : await freshDatabase();
  const url = options.like?.url ?? database?.url ?? '';
  // These tests ask what is true, not how soon: a machine that is busy is no outage.
  const postgres = openPostgres({ url: new Secret(url), patient: options.patient ?? true });
  const parts = {
    clock: options.clock ?? systemClock,
    keyring: createKeyring(options.keys ?? [masterKey('test')]),
    hasher: options.hasher ?? nobodyHashes,
    strength: createPasswordStrength(),
    production: false,
  };
  const side = new Client({ connectionString: url });
  await side.connect();
  return {
    url,
    domain: buildDomain(postgres.db, parts),
    transact: (work) => postgres.transaction((tx) => work(buildDomain(tx, parts))),
    async sql(text, values) {
      return (await side.query(text, values)).rows;
    },
    async close() {
      await Promise.all([side.end(), postgres.close()]);
      await database?.drop();
    },
  };
}

/** An account, as the flows make one. */
export async function addAccount(
  { transact }: TestDomain,
  email: string,
  kind: 'shopper' | 'staff' = 'shopper',
): Promise<string> {
  const created = await transact(({ identity }) =>
    identity.createAccount({ kind, email, emailVerified: true, profile: { name: 'Mara' } }),
  );
  if (created.kind !== 'created') throw new Error(`${email} is taken`);
  return created.id;
}

/** A client, as small as it can be. */
export async function addClient({ domain }: TestDomain, id: string): Promise<void> {
  await domain.clients.register({
    id,
    name: 'Machine',
    authMethod: 'client_secret_basic',
    grantTypes: ['client_credentials'],
  });
}
