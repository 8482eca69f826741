/**
 * Clients and resource servers as the protocol host needs them, kept in memory for as long as
 * the change feed vouches for them: PostgreSQL tells every node the moment a row changes, a gap
 * in the feed empties everything, and half a minute is the longest anything is believed.
 */
import type { Access, ClientRights, ResourceServer } from '../domain/access/index.js';
import type { Brand, Brands, Clients, ClientWithSecrets } from '../domain/clients/index.js';
import type { Clock } from '../kernel/clock.js';

const BACKSTOP_MS = 30_000;
const MAX_CLIENTS = 20_000;

/** The part of the change feed that caching hangs on. */
export type ChangeSource = {
  isLive(): boolean;
  subscribe(listener: (change: { table: string; id: string } | 'everything') => void): void;
};

/** A client that may act: what is registered for it. The object is new after a change. */
export type ClientFacts = {
  readonly client: ClientWithSecrets;
  readonly rights: ClientRights;
  readonly brand: Brand | undefined;
};

export type Directory = {
  /** The client, unless there is none or it is disabled. */
  findClient(id: string): Promise<ClientFacts | undefined>;
  findResourceServer(indicator: string): Promise<ResourceServer | undefined>;
};

type Entry<T> = { readonly value: T; readonly readAt: number };

export function createDirectory(parts: {
  clients: Pick<Clients & Brands, 'find' | 'findBrand'>;
  access: Pick<Access, 'rightsOf' | 'findResourceServer'>;
  changes: ChangeSource;
  clock: Clock;
}): Directory {
  const { changes, clock } = parts;
  const clients = new Map<string, Entry<ClientFacts>>();
  const servers = new Map<string, Entry<ResourceServer>>();
  // A read that began before a change must not be stored after it.
  let generation = 0;

  changes.subscribe((change) => {
    generation += 1;
    if (change !== 'everything' && change.table === 'clients') {
      clients.delete(change.id);
      return;
    }
    clients.clear();
    servers.clear();
  });

  async function cached<T>(
    cache: Map<string, Entry<T>>,
    key: string,
    read: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const now = clock.now().getTime();
    const known = cache.get(key);
    if (known && changes.isLive() && now - known.readAt < BACKSTOP_MS) return known.value;
    const before = generation;
    const value = await read();
    if (value === undefined) {
      // What does not exist is not remembered: made-up ids must not fill the memory.
      cache.delete(key);
    } else if (changes.isLive() && before === generation) {
      cache.delete(key);
      cache.set(key, { value, readAt: now });
      if (cache.size > MAX_CLIENTS) {
        const oldest = cache.keys().next().value;
        if (oldest !== undefined) cache.delete(oldest);
      }
    }
    return value;
  }

  return {
    findClient: (id) =>
      cached(clients, id, async () => {
        const client = await parts.clients.find(id);
        if (client?.status !== 'active') return undefined;
        const [rights, brand] = await Promise.all([
          parts.access.rightsOf(id),
          parts.clients.findBrand(id),
        ]);
        return { client, rights, brand };
      }),
    findResourceServer: (indicator) =>
      cached(servers, indicator, () => parts.access.findResourceServer(indicator)),
  };
}
