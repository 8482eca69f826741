/**
 * The owner of an account approves a request, or refuses it. The answer, what it grants and the
 * record of it are written together; of two answers at once one counts.
 */
import type { Origin } from '../../domain/audit/index.js';
import type { ArtifactKey, Payload } from '../../domain/grants/index.js';
import type { FlowParts } from '../domain.js';

/** How long "I did not ask for this" keeps a client from asking again. */
export const STOP_SECONDS = 24 * 3600;

type Saved = {
  readonly key: ArtifactKey;
  readonly payload: Payload;
  readonly ttlSeconds: number;
};

/** False when it was answered before, or is over; then nothing was stored. */
export type StoreApprovalAnswer = (answer: {
  readonly request: Saved;
  /** What an approval rests on. */
  readonly grant: Saved | undefined;
  readonly accountId: string;
  readonly clientId: string;
  /** Seconds; when the log-in behind the approval was: what it grants ends with it. */
  readonly authTime: number;
  /** The owner wants to hear no more of this client for a day. */
  readonly stop: boolean;
  readonly origin: Origin;
}) => Promise<boolean>;

export function createStoreApprovalAnswer({
  transact,
}: Pick<FlowParts, 'transact'>): StoreApprovalAnswer {
  return ({ request, grant, accountId, clientId, authTime, stop, origin }) =>
    transact(async ({ grants, audit }) => {
      const { key, payload, ttlSeconds } = request;
      const kind = 'BackchannelAuthenticationRequest';
      if (!(await grants.save(kind, key, payload, ttlSeconds))) return false;
      if (grant) await grants.save('Grant', grant.key, grant.payload, grant.ttlSeconds, authTime);
      await grants.closeApproval(key);
      if (stop) await grants.stopApprovals(accountId, clientId, STOP_SECONDS);
      await audit.record({
        event: grant ? 'ciba_approved' : 'ciba_refused',
        result: grant ? 'success' : 'failure',
        actor: { kind: 'account', id: accountId },
        subjectId: accountId,
        clientId,
        origin,
        details: grant ? { scopes: String(payload.scope ?? '') } : { stopped: stop },
      });
      return true;
    });
}
