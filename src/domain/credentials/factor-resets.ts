/**
 * Second factors that are lost, on their way to being taken away. Between the asking and the doing
 * lies a waiting time in which the owner can stop it: whoever talks a help desk into a reset would
 * otherwise be in within the minute (OWASP ASVS 6.4.4, NIST SP 800-63B section 4.2.2).
 *
 * Promises: one plan an account, and asking again makes it neither earlier nor later; time is the
 * database's; the token that stops it is stored as SHA-256 only; a plan is carried out once or
 * stopped once, never both.
 */
import { digest, newBearerValue, newId } from '../../kernel/ids.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export type FactorReset = {
  readonly id: string;
  readonly accountId: string;
  readonly effectiveAt: Date;
};

export type FactorResets = ReturnType<typeof createFactorResets>;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function createFactorResets({ db }: { db: Db }) {
  const store = factorResetStore(db);
  return {
    /**
     * Plans a reset in `waitSeconds`. `token` stops it, and is given for a new plan only. Call it
     * in a transaction.
     */
    async planFactorReset(
      accountId: string,
      waitSeconds: number,
    ): Promise<{ readonly plan: FactorReset; readonly token: string | undefined }> {
      const token = newBearerValue();
      const id = newId();
      const plan = await store.plan({ id, accountId, stopHash: digest(token), waitSeconds });
      return { plan, token: plan.id === id ? token : undefined };
    },

    /** The plan there is for an account. */
    findFactorReset: (accountId: string): Promise<FactorReset | undefined> =>
      store.findByAccount(accountId),

    /** The plan that a link in a letter stops, if there is one still. Changes nothing. */
    async findFactorResetByToken(token: string): Promise<FactorReset | undefined> {
      return TOKEN.test(token) ? store.findByToken(digest(token)) : undefined;
    },

    /** Stops an account's plan. False: there was none, or none any more. */
    stopFactorReset: async (accountId: string): Promise<boolean> =>
      (await store.remove(accountId)) > 0,

    /** The oldest plans whose time has come. */
    dueFactorResets: (limit: number): Promise<readonly FactorReset[]> => store.due(limit),

    /** Takes a plan whose time has come: of several that try, one gets it. */
    takeFactorReset: async (id: string): Promise<boolean> => (await store.take(id)) > 0,
  };
}

function factorResetStore(db: Db) {
  return {
    async plan(row: {
      id: string;
      accountId: string;
      stopHash: Bytes;
      waitSeconds: number;
    }): Promise<FactorReset> {
      // The update changes nothing; it is there to give the row that stands already.
      const rows = await db.$queryRaw<FactorReset[]>`
        INSERT INTO factor_resets (account_id, id, stop_hash, effective_at)
        VALUES (${row.accountId}::uuid, ${row.id}::uuid, ${row.stopHash},
                clock_timestamp() + make_interval(secs => ${row.waitSeconds}))
        ON CONFLICT (account_id) DO UPDATE SET account_id = excluded.account_id
        RETURNING id::text, account_id::text AS "accountId", effective_at AS "effectiveAt"`;
      const [plan] = rows;
      if (!plan) throw new Error('A plan that was written is not there');
      return plan;
    },

    async findByAccount(accountId: string): Promise<FactorReset | undefined> {
      const rows = await db.$queryRaw<FactorReset[]>`
        SELECT id::text, account_id::text AS "accountId", effective_at AS "effectiveAt"
          FROM factor_resets WHERE account_id = ${accountId}::uuid`;
      return rows[0];
    },

    async findByToken(stopHash: Bytes): Promise<FactorReset | undefined> {
      const rows = await db.$queryRaw<FactorReset[]>`
        SELECT id::text, account_id::text AS "accountId", effective_at AS "effectiveAt"
          FROM factor_resets WHERE stop_hash = ${stopHash}`;
      return rows[0];
    },

    remove: (accountId: string): Promise<number> =>
      db.$executeRaw`DELETE FROM factor_resets WHERE account_id = ${accountId}::uuid`,

    due: (limit: number): Promise<FactorReset[]> =>
      db.$queryRaw`
        SELECT id::text, account_id::text AS "accountId", effective_at AS "effectiveAt"
          FROM factor_resets WHERE effective_at <= clock_timestamp()
         ORDER BY effective_at LIMIT ${limit}`,

    take: (id: string): Promise<number> =>
      db.$executeRaw`
        DELETE FROM factor_resets
         WHERE id = ${id}::uuid AND effective_at <= clock_timestamp()`,
  };
}
