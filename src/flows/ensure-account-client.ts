/**
 * The account pages are a client of this very server, with an audience of their own. Both are
 * made at every start, on any database, by whichever node comes first; and follow the issuer,
 * because the address people come back to is one of its pages.
 */
import { ACCOUNT_AUDIENCE, accountScopes } from '../domain/access/index.js';
import type { ClientDraft } from '../domain/clients/index.js';
import type { FlowParts } from './domain.js';

export const ACCOUNT_CLIENT = 'latchkey-account';
export const ACCOUNT_CALLBACK = '/account/callback';
/** Longer is of no use: a new token comes without a question while the session lives. */
const TOKEN_SECONDS = 900;

export type EnsureAccountClient = (issuer: string) => Promise<void>;

function accountClient(issuer: string): ClientDraft {
  return {
    id: ACCOUNT_CLIENT,
    name: 'Your account',
    // A secret would add nothing: it would lie beside the very server that checks it.
    authMethod: 'none',
    firstParty: true,
    grantTypes: ['authorization_code'],
    redirectUris: [issuer + ACCOUNT_CALLBACK],
    identityScopes: ['openid'],
    requirePushedRequests: true,
  };
}

export function createEnsureAccountClient({
  transact,
}: Pick<FlowParts, 'transact'>): EnsureAccountClient {
  return (issuer) =>
    transact(async ({ access, clients, audit }) => {
      await access.lockIndicator(ACCOUNT_AUDIENCE);
      const scopes = Object.entries(accountScopes).map(([name, description]) => ({
        name,
        description,
      }));
      const server =
        (await access.findResourceServer(ACCOUNT_AUDIENCE)) ??
        (await access.createResourceServer({
          indicator: ACCOUNT_AUDIENCE,
          name: 'Your account',
          format: 'opaque',
          accessTokenTtl: TOKEN_SECONDS,
          scopes,
        }));
      const reworded = await access.describeScopes(server.id, accountScopes);
      const done = await clients.settle(accountClient(issuer));
      const { grants } = await access.rightsOf(ACCOUNT_CLIENT);
      const granted = grants.get(ACCOUNT_AUDIENCE);
      const names = scopes.map(({ name }) => name);
      const complete = granted?.size === names.length && names.every((name) => granted.has(name));
      if (!complete) await access.grantScopes(ACCOUNT_CLIENT, server.id, names);
      if (done === 'unchanged' && complete && reworded === 0) return;
      await audit.record({
        event: 'account_client_settled',
        result: 'success',
        actor: { kind: 'system' },
        clientId: ACCOUNT_CLIENT,
        details: { redirectUri: issuer + ACCOUNT_CALLBACK },
      });
    });
}
