/**
 * A client asks for somebody's approval on another device (OpenID Connect CIBA 7): whoever is on
 * the telephone says who they are, and the owner of that account hears of it and decides.
 *
 * The attack is to ask until somebody says yes ("MFA bombing", MITRE ATT&CK T1621): so few
 * requests can wait at once, few can be made in an hour, and the owner can have a client stopped.
 * The other attack is to ask so that nobody else can: one client is allowed fewer than the person
 * is asked in all, and what never reached them takes nothing from what others may ask.
 *
 * A name that nobody has gets the same answer, and the same rows are written for it (ASVS 6.3.8):
 * its request waits and expires. Limits are those of the name, so they tell nothing either.
 */
import type { Origin } from '../../domain/audit/index.js';
import type { ArtifactKey, Payload, PingContent } from '../../domain/grants/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { Domain, FlowParts } from '../domain.js';

/** Of one person, at a time: by whomever, and by one client. */
const OPEN_APPROVALS = { all: 3, ofClient: 2 };
/** Of one person, in an hour: by whomever, and by one client. */
const APPROVALS_PER_HOUR = { all: 10, ofClient: 5 };
/** Of one client, in an hour: a stolen secret writes to so many people and no more. */
const APPROVALS_OF_CLIENT_PER_HOUR = 600;
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
  return async (asked) => {
    const { key, payload, ttlSeconds, subjectId, known, client, origin } = asked;
    // Every try counts, in a statement of its own before anything is looked up: nobody waits.
    const tries = await domain.risk.countUse('approval-client', client.id, HOUR);
    return transact(async ({ grants, audit, mail, risk }): Promise<ApprovalAsked> => {
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
      if (tries > APPROVALS_OF_CLIENT_PER_HOUR) {
        await record('limit_of_client');
        return { kind: 'limited', retryAfterSeconds: HOUR };
      }
      const isFull = async () => {
        const { all, ofClient } = await grants.countOpenApprovals(subjectId, client.id);
        return all >= OPEN_APPROVALS.all || ofClient >= OPEN_APPROVALS.ofClient;
      };
      let full = await isFull();
      if (!full) {
        // Whoever asks the same person at this moment waits here, so that the counts are true. The
        // look before only spares a flood the wait.
        await grants.holdApprovals(subjectId);
        full = await isFull();
      }
      if (full) {
        await record('too_many_open');
        return { kind: 'limited', retryAfterSeconds: LONGEST_REQUEST };
      }
      const limit = await spend(risk, asked);
      if (limit) {
        await record(limit);
        return { kind: 'limited', retryAfterSeconds: HOUR };
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

/**
 * Takes one of the requests that this client may make to this person, and one of those that the
 * person gets in all; neither where there is none left, and says of which. Last of all, so that
 * only what reaches the person counts.
 */
async function spend(
  risk: Domain['risk'],
  { client, subjectId }: Asked,
): Promise<'limit_of_pair' | 'limit' | undefined> {
  const pair = `${client.id} ${subjectId}`;
  const ofClient = await risk.countUse('approval-pair', pair, HOUR);
  if (ofClient > APPROVALS_PER_HOUR.ofClient) {
    await risk.returnUse('approval-pair', pair);
    return 'limit_of_pair';
  }
  const all = await risk.countUse('approval-request', subjectId, HOUR);
  if (all <= APPROVALS_PER_HOUR.all) return undefined;
  await risk.returnUse('approval-pair', pair);
  await risk.returnUse('approval-request', subjectId);
  return 'limit';
}

/** How a client of the mode ping is told of the answer (CIBA 10.2); others ask by themselves. */
function pingOf(key: ArtifactKey, { params }: Payload): PingContent | undefined {
  const { client_notification_token: token } = (params ?? {}) as Record<string, unknown>;
  return 'id' in key && typeof token === 'string' ? { authReqId: key.id, token } : undefined;
}
