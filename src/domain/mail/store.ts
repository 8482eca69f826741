/** The way into the queue: the only SQL in this island. */
import type { Db } from '../../platform/postgres.js';

/** The task that a waiting letter is for. */
export const SEND_LETTER = 'send_letter';

/** With the queue's back-off (e, e², … seconds, six hours at most) this is about a day. */
const MAX_ATTEMPTS = 12;

export type MailStore = ReturnType<typeof mailStore>;

export function mailStore(db: Db) {
  return {
    /**
     * Queued by SQL on the caller's own connection: committed or rolled back with the fact it
     * tells about (transactional outbox). While a job of that key waits or runs, nothing is
     * added: `unsafe_dedupe` is "unsafe" for jobs whose content changes, which a letter's never
     * does.
     */
    async add(payload: { letter: string; sealed: string }, key: string | null): Promise<void> {
      await db.$executeRaw`
        SELECT 1
          FROM graphile_worker.add_job(
            identifier => ${SEND_LETTER}::text,
            payload => ${JSON.stringify(payload)}::json,
            max_attempts => ${MAX_ATTEMPTS}::int,
            job_key => ${key}::text,
            job_key_mode => 'unsafe_dedupe')`;
    },
  };
}
