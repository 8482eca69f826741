/**
 * What applications may do with an account, and taking it back: grants, codes and tokens go in
 * one statement, and whatever was being written on them at that moment hangs on a grant that is
 * no more (OWASP ASVS 10.4.9).
 */
import type { OpenGrant } from '../../domain/grants/index.js';
import type { Domain, FlowParts } from '../domain.js';
import { ACCOUNT_CLIENT } from '../ensure-account-client.js';
import type { Visitor } from '../sign-in/index.js';
import type { Owner } from './owner.js';

/** What an application may do at an API, in words that its owner reads. */
export type AllowedResource = {
  readonly indicator: string;
  readonly name: string;
  readonly scopes: readonly { readonly name: string; readonly description: string }[];
};

export type OwnApplication = {
  readonly clientId: string;
  readonly name: string;
  readonly since: Date;
  /** OpenID scopes. */
  readonly identity: readonly string[];
  readonly resources: readonly AllowedResource[];
};

export type ManageApplications = {
  list(owner: Owner): Promise<readonly OwnApplication[]>;
  remove(owner: Owner, visitor: Visitor, clientId: string): Promise<'done' | 'gone'>;
};

export function createManageApplications({ domain, transact }: FlowParts): ManageApplications {
  return {
    async list({ accountId }) {
      const grants = await domain.grants.listGrants(accountId);
      const byClient = new Map<string, OpenGrant[]>();
      for (const grant of grants) {
        byClient.set(grant.clientId, [...(byClient.get(grant.clientId) ?? []), grant]);
      }
      const rows: OwnApplication[] = [];
      for (const [clientId, held] of byClient) {
        // These pages are one as well, and end with signing out.
        if (clientId === ACCOUNT_CLIENT) continue;
        const client = await domain.clients.find(clientId);
        const first = held[0];
        if (!client || !first) continue;
        const scopes = new Map<string, Set<string>>();
        for (const [indicator, names] of held.flatMap((grant) => Object.entries(grant.resources))) {
          const known = scopes.get(indicator) ?? new Set();
          for (const name of names.split(' ').filter(Boolean)) known.add(name);
          scopes.set(indicator, known);
        }
        rows.push({
          clientId,
          name: client.name,
          since: first.since,
          identity: [
            ...new Set(held.flatMap((grant) => grant.identity.split(' ').filter(Boolean))),
          ],
          resources: await describe(domain, scopes),
        });
      }
      return rows;
    },

    remove: ({ accountId }, visitor, clientId) =>
      transact(async ({ grants, audit }) => {
        if (clientId === ACCOUNT_CLIENT) return 'gone';
        const ended = await grants.endClientOfAccount(accountId, clientId);
        if (ended === 0) return 'gone';
        await audit.record({
          event: 'application_removed',
          result: 'success',
          actor: { kind: 'account', id: accountId },
          subjectId: accountId,
          clientId,
          origin: visitor.origin,
        });
        return 'done';
      }),
  };
}

/** The words for what was granted; a scope that is no more is named as it was. */
async function describe(
  { access }: Pick<Domain, 'access'>,
  granted: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<OwnApplication['resources']> {
  const resources = [];
  for (const [indicator, names] of granted) {
    const server = await access.findResourceServer(indicator);
    const scopes = [...names].map((name) => ({
      name,
      description: server?.scopes.find((scope) => scope.name === name)?.description ?? '',
    }));
    resources.push({ indicator, name: server?.name ?? indicator, scopes });
  }
  return resources;
}
