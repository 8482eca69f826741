/**
 * A client asks for somebody's approval on another device (OpenID Connect CIBA 7): whoever is on
 * the telephone says who they are, and the owner of that account hears of it and decides.
 *
 * The attack is to ask until somebody says yes ("MFA bombing", MITRE ATT&CK T1621): so few
 * requests can wait at once, few can be made in an hour, and the owner can have a client stopped.
 *
 * A name that nobody has gets the same answer, and the same rows are written for it (ASVS 6.3.8):
 * its request waits and expires. Limits are those of the name, so they tell nothing either.
 */
import type { Origin } from '../../domain/audit/index.js';
import type { ArtifactKey, Payload, PingContent } from '../../domain/grants/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';

/** Of one person, at a time. */
export const OPEN_APPROVALS = 3;
/** Of one person, in an hour. */
export const APPROVALS_PER_HOUR = 10;
/** Of one client, in an hour: a stolen secret writes to so many people and no more. */
export const APPROVALS_OF_CLIENT_PER_HOUR = 600;
const HOUR = 3600;
/** Seconds: after these, whatever waits now is over. */
const LONGEST_REQUEST = 600;

export type ApprovalAsked =
  | { readonly kind: 'asked' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  /** The owner does not want to be asked by this client. */
  | { readonly kind: 'stopped' };

export type AskForApproval = (request: {
  readonly key: ArtifactKey;
  readonly payload: Payload;
  readonly ttlSeconds: number;
  /** The account that is asked, or what stands in for one. */
  readonly subjectId: string;
  /** False where there is nobody to ask. */
  readonly known: boolean;
  readonly client: { readonly id: string; readonly name: string };
  readonly origin: Origin;
}) => Promise<ApprovalAsked>;

type Asked = Parameters<AskForApproval>[0];

export function createAskForApproval({
  domain,
  transact,
  clock,
}: FlowParts & { readonly clock: Clock }): AskForApproval {
  /** Counted before anything is looked up, and each in a statement of its own: nobody waits. */
  async function count({ client, subjectId }: Asked): Promise<string | undefined> {
    const ofClient = await domain.risk.countUse('approval-client', client.id, HOUR);
    const ofPerson = await domain.risk.countUse('approval-request', subjectId, HOUR);
    if (ofClient > APPROVALS_OF_CLIENT_PER_HOUR) return 'limit_of_client';
    return ofPerson > APPROVALS_PER_HOUR ? 'limit' : undefined;
  }

  return async (asked) => {
    const { key, payload, ttlSeconds, subjectId, known, client, origin } = asked;
    const limit = await count(asked);
    return transact(async ({ grants, audit, mail }): Promise<ApprovalAsked> => {
      const record = (reason: string | undefined) =>
        audit.record({
          event: 'ciba_requested',
          result: reason === undefined ? 'success' : 'failure',
          actor: { kind: 'client', id: client.id },
          ...(known ? { subjectId } : {}),
          clientId: client.id,
          origin,
          details: reason ? { reason } : { scopes: String(payload.scope ?? '') },
        });
      if (await grants.mayNotAsk(subjectId, client.id)) {
        await record('stopped');
        return { kind: 'stopped' };
      }
      if (limit) {
        await record(limit);
        return { kind: 'limited', retryAfterSeconds: HOUR };
      }
      // Whoever asks the same person at this moment waits here, so that the count is true.
      await grants.holdApprovals(subjectId);
      if ((await grants.countOpenApprovals(subjectId)) >= OPEN_APPROVALS) {
        await record('too_many_open');
        return { kind: 'limited', retryAfterSeconds: LONGEST_REQUEST };
      }
      await record(known ? undefined : 'nobody');

      // Nobody's belongs to no account, else it would count as one that was taken back.
      const { accountId: _nobody, ...ownerless } = payload;
      const kind = 'BackchannelAuthenticationRequest';
      await grants.save(kind, key, known ? payload : ownerless, ttlSeconds);
      const ping = pingOf(key, payload);
      await grants.noteApproval({ key, subjectId, clientId: client.id, ttlSeconds, ping });
      // Nobody's is dropped when it is to be sent. What the client wrote is not in it: somebody
      // else's words do not go out under our name.
      await mail.enqueue({
        kind: 'approval_asked',
        accountId: subjectId,
        at: clock.now(),
        shop: client.name,
        clientId: client.id,
      });
      return { kind: 'asked' };
    });
  };
}

/** How a client of the mode ping is told of the answer (CIBA 10.2); others ask by themselves. */
function pingOf(key: ArtifactKey, { params }: Payload): PingContent | undefined {
  const { client_notification_token: token } = (params ?? {}) as Record<string, unknown>;
  return 'id' in key && typeof token === 'string' ? { authReqId: key.id, token } : undefined;
}
