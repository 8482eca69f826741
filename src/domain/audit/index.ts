/**
 * Audit: the append-only record of security facts (OWASP ASVS 16.3, PCI DSS 10.2).
 *
 * Promises: a record is written in the transaction of what it tells about, so neither exists
 * without the other; the database itself refuses to change or delete one; no secret and no
 * personal data in clear ever stands in it.
 */
import type { Clock } from '../../kernel/clock.js';
import type { Db } from '../../platform/postgres.js';
import type { AuditEventName } from './events.js';
import { type AuditEntry, type AuditPosition, auditStore } from './store.js';

export { type AuditEventName, auditEvents } from './events.js';
export type { AuditEntry, AuditPosition } from './store.js';

/** Who did it. */
export type Actor =
  | { readonly kind: 'account'; readonly id: string }
  | { readonly kind: 'client'; readonly id: string }
  /** Whoever holds an initial access token; the id is the token's, not its value. */
  | { readonly kind: 'registration-token'; readonly id: string }
  | { readonly kind: 'operator' }
  | { readonly kind: 'system' }
  | { readonly kind: 'anonymous' };

/** Where it came from, as far as there was a request. */
export type Origin = {
  readonly ip?: string;
  readonly requestId?: string;
  /** The client whose token carried it. */
  readonly clientId?: string;
};

export type AuditRecord = {
  readonly event: AuditEventName;
  readonly result: 'success' | 'failure';
  readonly actor: Actor;
  readonly subjectId?: string;
  /** The client it is about; that of the origin unless named. */
  readonly clientId?: string;
  readonly origin?: Origin;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
};

export type Audit = ReturnType<typeof createAudit>;

export function createAudit({ db, clock }: { db: Db; clock: Clock }) {
  const store = auditStore(db);
  return {
    /**
     * What happened to an account, the newest first.
     *
     * @param query.after the last one that was shown before
     */
    listAbout: (
      subjectId: string,
      query: {
        readonly events: readonly AuditEventName[];
        readonly after?: AuditPosition | undefined;
        readonly limit: number;
      },
    ): Promise<AuditEntry[]> => store.listAbout(subjectId, query),

    /** Writes one record; call it in the transaction of the fact itself. */
    async record(entry: AuditRecord): Promise<void> {
      await db.auditEvent.create({
        data: {
          at: clock.now(),
          event: entry.event,
          result: entry.result,
          actorKind: entry.actor.kind,
          actorId: 'id' in entry.actor ? entry.actor.id : null,
          subjectId: entry.subjectId ?? null,
          clientId: entry.clientId ?? entry.origin?.clientId ?? null,
          ip: entry.origin?.ip ?? null,
          requestId: entry.origin?.requestId ?? null,
          ...(entry.details ? { details: { ...entry.details } } : {}),
        },
        select: { id: true },
      });
    },
  };
}
