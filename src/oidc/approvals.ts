/**
 * Approvals between the account pages and the protocol host: what waits, and how the answer goes
 * back. The host makes the grant and the answered request; both are caught on their way into the
 * database, so that they are written together with the record of who approved (see
 * `flows/approvals/answer.ts`), or not at all.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type Provider from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { Artifact, Grants } from '../domain/grants/index.js';
import { isAcr } from '../domain/signin/index.js';
import type { ManageApprovals, OwnApproval } from '../flows/account/approvals.js';
import type { Owner, StepUp } from '../flows/account/owner.js';
import type { StoreApprovalAnswer } from '../flows/approvals/answer.js';
import { type Clock, epochSeconds } from '../kernel/clock.js';
import { type AskedFor, askedFor, demandOf } from './asked-for.js';
import type { Saved } from './backchannel.js';
import { factsOf } from './clients.js';
import type { Directory } from './directory.js';
import { type Assurance, meets } from './step-up.js';

/** With what the page does not name one by one, because it shows the scopes behind it. */
type Described = OwnApproval & Pick<AskedFor, 'claims'>;

/** An answer that is being given. */
type Answering = {
  grant?: Saved;
  readonly store: (request: Saved, grant: Saved | undefined) => Promise<void>;
};
const answers = new AsyncLocalStorage<Answering>();

/** Takes what the host saves while an answer is given; false at any other time. */
export async function catchAnswer(kind: string, saved: Saved): Promise<boolean> {
  const answering = answers.getStore();
  if (!answering) return false;
  if (kind === 'Grant') answering.grant = saved;
  else if (kind === 'BackchannelAuthenticationRequest') {
    await answering.store(saved, answering.grant);
  } else return false;
  return true;
}

const nameOf = ({ idHash }: Artifact): string => Buffer.from(idHash).toString('base64url');
const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;
const moment = (value: unknown): Date => new Date(Number(value) * 1000);

/** What a log-in lacks that is asked of it; an approval is always made with a fresh one. */
function missingFor(owner: Owner, demand: Assurance, clock: Clock): StepUp | undefined {
  const age = epochSeconds(clock.now()) - owner.authTime;
  const { acr, maxAge } = demand;
  const strong = meets(owner.acr, demand);
  if (strong && (maxAge === undefined || age <= maxAge)) return undefined;
  return { maxAge: Math.min(maxAge ?? 240, 240), acr };
}

export function createManageApprovals(parts: {
  readonly host: { current(): Provider };
  readonly directory: Pick<Directory, 'findResourceServer'>;
  readonly grants: Pick<Grants, 'listWaiting' | 'handleOf'>;
  readonly store: StoreApprovalAnswer;
  readonly clock: Clock;
  /** A client of one of them cannot be built; the others can be answered. */
  readonly onUnusable: (error: unknown, clientId: string) => void;
}): ManageApprovals {
  const { host, directory, grants, clock } = parts;

  /**
   * The client, unless it is gone or was registered with what the host does not take (any more:
   * certificates that were switched off, for one). An outage is none of its faults.
   */
  async function findClient(id: string) {
    try {
      return await host.current().Client.find(id);
    } catch (error) {
      if (!(error instanceof errors.InvalidClientMetadata)) throw error;
      parts.onUnusable(error, id);
      return undefined;
    }
  }

  async function describe(owner: Owner, waiting: Artifact): Promise<Described | undefined> {
    const { payload } = waiting;
    const params = (payload.params ?? {}) as Record<string, unknown>;
    const client = await findClient(String(payload.clientId));
    if (!client) return undefined;
    const { id, name } = factsOf(client).client;
    return {
      id: nameOf(waiting),
      clientId: id,
      clientName: name,
      message: text(params.binding_message),
      since: moment(payload.iat),
      until: moment(payload.exp),
      ...(await askedFor(directory, client, params)),
      missing: missingFor(owner, await demandOf(directory, params), clock),
    };
  }

  /** The host's grant for all that the page has shown, or its way of saying no. */
  function resultOf(owner: Owner, approval: Described) {
    const grant = new (host.current().Grant)({
      accountId: owner.accountId,
      clientId: approval.clientId,
    });
    if (approval.identity.length > 0) grant.addOIDCScope(approval.identity.join(' '));
    if (approval.claims.length > 0) grant.addOIDCClaims([...approval.claims]);
    for (const { indicator, scopes } of approval.resources) {
      grant.addResourceScope(indicator, scopes.map(({ name }) => name).join(' '));
    }
    return grant;
  }

  const list: ManageApprovals['list'] = async (owner) => {
    const all = await grants.listWaiting(owner.accountId);
    const described = await Promise.all(all.map((one) => describe(owner, one)));
    return described.filter((one) => one !== undefined);
  };

  return {
    list,

    async answer(owner, visitor, id, answer) {
      const waiting = await grants.listWaiting(owner.accountId);
      const asked = waiting.find((one) => nameOf(one) === id);
      const approval = asked && (await describe(owner, asked));
      if (!approval) return 'gone';
      if (answer === 'approve' && approval.missing) return 'unproven';
      // Whoever did not ask for one did not ask for the others either.
      const alike = ({ payload }: Artifact) =>
        answer === 'stop' && payload.clientId === approval.clientId;
      const meant = waiting.filter((one) => one === asked || alike(one));
      let done = false;
      for (const one of meant) {
        if (await give(one)) done = true;
      }
      return done ? 'done' : 'gone';

      async function give(artifact: Artifact): Promise<boolean> {
        const provider = host.current();
        const { BackchannelAuthenticationRequest: Request } = provider;
        const request = await Request.find(grants.handleOf(artifact.idHash));
        if (!request || !approval) return false;
        let stored = false;
        const store: Answering['store'] = async (saved, grant) => {
          stored = await parts.store({
            request: saved,
            grant,
            accountId: owner.accountId,
            clientId: approval.clientId,
            authTime: owner.authTime,
            stop: answer === 'stop',
            origin: visitor.origin,
          });
        };
        await answers.run({ store }, async () => {
          if (answer !== 'approve') {
            const refusal = new errors.AccessDenied('the end-user refused');
            return provider.backchannelResult(request, refusal);
          }
          const grant = resultOf(owner, approval);
          await grant.save();
          return provider.backchannelResult(request, grant, {
            ...(owner.acr && isAcr(owner.acr) ? { acr: owner.acr } : {}),
            ...(owner.amr ? { amr: [...owner.amr] } : {}),
            authTime: owner.authTime,
          });
        });
        return stored;
      }
    },
  };
}
