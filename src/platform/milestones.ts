/** What is done once per database, whichever node comes first, and what came of it. */
import pg from 'pg';
import type { Secret } from '../kernel/secret.js';
import type { Db } from './postgres.js';

export type Milestones = ReturnType<typeof openMilestones>;

export function openMilestones(options: { db: Db; url: Secret }) {
  const { db } = options;
  return {
    async find(name: string): Promise<Uint8Array | undefined> {
      const row = await db.milestone.findUnique({ where: { name } });
      return row?.sealed ?? undefined;
    },

    async set(name: string, sealed: Uint8Array): Promise<void> {
      const data = { at: new Date(), sealed: new Uint8Array(sealed) };
      await db.milestone.upsert({ where: { name }, create: { name, ...data }, update: data });
    },

    /**
     * Runs `work` while no other process runs work of that name. The lock lives on a connection
     * of its own, so it is gone the moment this process is.
     */
    async exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
      const client = new pg.Client({
        connectionString: options.url.reveal(),
        application_name: 'latchkey-milestone',
        connectionTimeoutMillis: 2_000,
      });
      client.on('error', () => undefined);
      await client.connect();
      try {
        await client.query('SELECT pg_advisory_lock(hashtextextended($1, 7230145))', [name]);
        return await work();
      } finally {
        await client.end().catch(() => undefined);
      }
    },
  };
}
