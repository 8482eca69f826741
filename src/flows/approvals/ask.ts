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

export function createAskForApproval({
  transact,
  clock,
}: Pick<FlowParts, 'transact'> & { readonly clock: Clock }): AskForApproval {
  return ({ key, payload, ttlSeconds, subjectId, known, client, origin }) =>
    transact(async ({ risk, grants, audit, mail }) => {
      // Both counters hold up whoever comes at the same moment, so what is read next is true.
      const ofClient = await risk.countUse('approval-client', client.id, HOUR);
      const ofPerson = await risk.countUse('approval-request', subjectId, HOUR);
      const open = await grants.countOpenApprovals(subjectId);
      const stopped = await grants.mayNotAsk(subjectId, client.id);

      const refuse = stopped
        ? 'stopped'
        : ofClient > APPROVALS_OF_CLIENT_PER_HOUR
          ? 'limit_of_client'
          : ofPerson > APPROVALS_PER_HOUR
            ? 'limit'
            : open >= OPEN_APPROVALS
              ? 'too_many_open'
              : undefined;
      const reason = refuse ?? (known ? undefined : 'nobody');
      await audit.record({
        event: 'ciba_requested',
        result: reason === undefined ? 'success' : 'failure',
        actor: { kind: 'client', id: client.id },
        ...(known ? { subjectId } : {}),
        clientId: client.id,
        origin,
        details: reason ? { reason } : { scopes: String(payload.scope ?? '') },
      });
      if (refuse === 'stopped') return { kind: 'stopped' };
      // How long it takes at most until the oldest of those that wait is over, or the hour is.
      if (refuse) {
        return { kind: 'limited', retryAfterSeconds: refuse === 'too_many_open' ? 600 : HOUR };
      }

      // Nobody's belongs to no account, else it would count as one that was taken back.
      const { accountId, ...ownerless } = payload;
      await grants.save(
        'BackchannelAuthenticationRequest',
        key,
        known ? payload : ownerless,
        ttlSeconds,
      );
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
}

/** How a client of the mode ping is told of the answer (CIBA 10.2); others ask by themselves. */
function pingOf(key: ArtifactKey, { params }: Payload): PingContent | undefined {
  const { client_notification_token: token } = (params ?? {}) as Record<string, unknown>;
  return 'id' in key && typeof token === 'string' ? { authReqId: key.id, token } : undefined;
}
