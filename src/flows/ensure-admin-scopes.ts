/**
 * The scopes of the admin API follow the version that runs: a shop that was set up by an older one
 * gets those that came since. Granted to nobody; that stays the operator's to say.
 */
import { ADMIN_AUDIENCE, adminScopes } from '../domain/access/index.js';
import type { FlowParts } from './domain.js';

export type EnsureAdminScopes = () => Promise<void>;

export function createEnsureAdminScopes({
  transact,
}: Pick<FlowParts, 'transact'>): EnsureAdminScopes {
  return () =>
    transact(async ({ access }) => {
      const server = await access.findResourceServer(ADMIN_AUDIENCE);
      if (server) await access.addScopes(server.id, adminScopes);
    });
}
