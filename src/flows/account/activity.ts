/**
 * What happened to an account lately, for its owner. Coarse on purpose: whoever has found a
 * browser open learns no address and no name, and of staff only that they did something.
 */
import type { AuditEntry, AuditPosition } from '../../domain/audit/index.js';
import { nameNetwork } from '../../kernel/network.js';
import type { Domain } from '../domain.js';
import { ACCOUNT_CLIENT } from '../ensure-account-client.js';
import { type ActivityKind, activityKind, isByStaff, shownEvents } from './activity-kinds.js';
import type { Owner } from './owner.js';

export type Activity = {
  readonly kind: ActivityKind;
  readonly at: Date;
  /** Where it happened, or with what, by name; these pages have none. */
  readonly application: string | undefined;
  /** "Firefox on Windows" */
  readonly device: string | undefined;
  /** `203.0.113.0/24` */
  readonly network: string | undefined;
};

export type ActivityPage = {
  readonly entries: readonly Activity[];
  /** Leads to what came before; nothing when that is all. */
  readonly older: string | undefined;
};

export type ReadActivity = {
  /** A page of it, the newest first. A cursor that is none of ours leads to the first page. */
  page(owner: Pick<Owner, 'accountId'>, cursor?: string): Promise<ActivityPage>;
  /** All of it, up to a bound that no person reaches. */
  all(
    owner: Pick<Owner, 'accountId'>,
  ): Promise<{ readonly entries: readonly Activity[]; readonly complete: boolean }>;
};

/** Seals where a list goes on: the numbers in the record tell how much happens to everybody. */
export type CursorSeal = {
  seal(text: string, context: string): Uint8Array;
  open(box: Uint8Array, context: string): { toString(encoding: 'utf8'): string };
};

const PAGE = 20;
const BATCH = 1_000;
const MOST = 20_000;
const LONGEST_CURSOR = 300;

export function createReadActivity(parts: {
  readonly domain: Pick<Domain, 'audit' | 'clients'>;
  readonly cursors: CursorSeal;
}): ReadActivity {
  const { audit, clients } = parts.domain;

  function writeCursor(accountId: string, { at, id }: AuditPosition): string {
    const box = parts.cursors.seal(`${at.getTime()} ${id}`, accountId);
    return Buffer.from(box).toString('base64url');
  }

  function readCursor(accountId: string, cursor: string | undefined): AuditPosition | undefined {
    if (cursor === undefined || cursor.length > LONGEST_CURSOR) return undefined;
    try {
      const box = new Uint8Array(Buffer.from(cursor, 'base64url'));
      const [at, id] = parts.cursors.open(box, accountId).toString('utf8').split(' ');
      return { at: new Date(Number(at)), id: BigInt(id ?? '') };
    } catch {
      return undefined;
    }
  }

  /** The same few applications come again and again. */
  function createNames() {
    const known = new Map<string, Promise<string | undefined>>();
    return (id: string | undefined): Promise<string | undefined> => {
      if (id === undefined || id === ACCOUNT_CLIENT) return Promise.resolve(undefined);
      const found = known.get(id) ?? clients.find(id).then((client) => client?.name);
      known.set(id, found);
      return found;
    };
  }

  async function tell(entries: readonly AuditEntry[]): Promise<Activity[]> {
    const nameOf = createNames();
    const told = await Promise.all(
      entries.map(async (entry): Promise<Activity | undefined> => {
        const kind = activityKind(entry);
        if (kind === undefined) return undefined;
        const { device } = entry.details;
        return {
          kind,
          at: entry.at,
          application: await nameOf(entry.clientId),
          device: typeof device === 'string' ? device : undefined,
          // Where staff sit is theirs.
          network: isByStaff(entry) || entry.ip === undefined ? undefined : nameNetwork(entry.ip),
        };
      }),
    );
    return told.filter((activity) => activity !== undefined);
  }

  return {
    async page({ accountId }, cursor) {
      const after = readCursor(accountId, cursor);
      const found = await audit.listAbout(accountId, {
        events: shownEvents,
        after,
        limit: PAGE + 1,
      });
      const entries = found.slice(0, PAGE);
      const last = found.length > PAGE ? entries.at(-1) : undefined;
      return { entries: await tell(entries), older: last && writeCursor(accountId, last) };
    },

    async all({ accountId }) {
      const entries: Activity[] = [];
      let after: AuditPosition | undefined;
      while (entries.length < MOST) {
        const found = await audit.listAbout(accountId, {
          events: shownEvents,
          after,
          limit: BATCH,
        });
        entries.push(...(await tell(found)));
        after = found.at(-1);
        if (found.length < BATCH) return { entries, complete: true };
      }
      return { entries, complete: false };
    },
  };
}
