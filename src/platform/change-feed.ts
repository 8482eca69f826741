/**
 * Tells this process what another one changed: PostgreSQL's LISTEN on one connection of its
 * own. Triggers send `table:id` when a client, resource server or signing key changes, so an
 * edit by hand is noticed like any other. While the feed is down nothing may be trusted to
 * stay as it was; `isLive()` says so, and whoever caches asks it.
 */
import pg from 'pg';
import type { Secret } from '../kernel/secret.js';

export type Change = { readonly table: string; readonly id: string };

export type ChangeFeed = {
  isLive(): boolean;
  /** Calls `listener` on every change; `'everything'` after a gap in the feed. */
  subscribe(listener: (change: Change | 'everything') => void): void;
  close(): Promise<void>;
};

const CHANNEL = 'latchkey_changes';
const RETRY_MS = 500;
const HEARTBEAT_MS = 500;

/** Starts listening; keeps trying in the background when the database is away. */
export function startChangeFeed(options: { url: Secret }): ChangeFeed {
  const listeners: ((change: Change | 'everything') => void)[] = [];
  let client: pg.Client | undefined;
  let live = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const tell = (change: Change | 'everything') => {
    for (const listener of listeners) listener(change);
  };

  const lost = (which: pg.Client) => {
    if (client !== which) return;
    live = false;
    client = undefined;
    which.removeAllListeners('notification');
    which.end().catch(() => undefined);
    if (!closed) {
      timer = setTimeout(() => void connect(), RETRY_MS);
      timer.unref();
    }
  };

  const connect = async () => {
    const next = new pg.Client({
      connectionString: options.url.reveal(),
      application_name: 'latchkey-changes',
      connectionTimeoutMillis: 1_000,
      query_timeout: 1_000,
      keepAlive: true,
    });
    client = next;
    next.on('error', () => lost(next));
    next.on('end', () => lost(next));
    next.on('notification', ({ payload = '' }) => {
      const [table = '', ...id] = payload.split(':');
      tell({ table, id: id.join(':') });
    });
    try {
      await next.connect();
      await next.query(`LISTEN ${CHANNEL}`);
      live = true;
      tell('everything');
      beat(next);
    } catch {
      lost(next);
    }
  };

  // A connection can die without a packet: ask twice a second, and distrust silence. What is
  // cached must not outlive a change by more than a second or so (requirement R42).
  const beat = (which: pg.Client) => {
    timer = setTimeout(() => {
      which.query('SELECT 1').then(
        () => {
          if (client === which && !closed) beat(which);
        },
        () => lost(which),
      );
    }, HEARTBEAT_MS);
    timer.unref();
  };

  void connect();
  return {
    isLive: () => live,
    subscribe(listener) {
      listeners.push(listener);
    },
    async close() {
      closed = true;
      live = false;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
