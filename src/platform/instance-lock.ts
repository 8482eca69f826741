/**
 * Tells two servers on one data directory apart. The claim is a session lock of PostgreSQL:
 * it ends with its connection, so a process that is killed leaves nothing to clean up.
 */
import { Client } from 'pg';

/** The right to be the one instance, held until released or until the process ends. */
export type InstanceClaim = {
  release(): Promise<void>;
};

/** Names this lock among the advisory locks of the database; the value means nothing. */
const LOCK_KEY = '7811058493042755189';

/**
 * Claims the database for this process.
 *
 * @param url connection string of the database; one connection stays open for the claim
 * @returns `'taken'` when another process holds the claim
 */
export async function claimInstance(url: string): Promise<InstanceClaim | 'taken'> {
  const client = new Client({
    connectionString: url,
    application_name: 'latchkey-instance',
    keepAlive: true,
  });
  // Losing the connection loses the claim, but it is the database's users who must notice
  // that the database has gone, and who know what to do.
  client.on('error', () => undefined);
  let claimed = false;
  try {
    await client.connect();
    const answer = await client.query<{ claimed: boolean }>(
      'SELECT pg_try_advisory_lock($1::bigint) AS claimed',
      [LOCK_KEY],
    );
    claimed = answer.rows[0]?.claimed === true;
  } finally {
    if (!claimed) await client.end();
  }
  if (!claimed) return 'taken';
  return { release: () => client.end() };
}
