/**
 * Which web pages may ask the self-service API at all. A browser asks before it sends a token
 * (a preflight, in the Fetch standard), so there the page's origin is all that is known: it has to
 * be registered for a client that has something to ask for.
 */
import { ACCOUNT_AUDIENCE } from '../../domain/access/index.js';
import type { FlowParts } from '../domain.js';

export type IsCallingOrigin = (origin: string) => Promise<boolean>;

export function createIsCallingOrigin({ domain }: Pick<FlowParts, 'domain'>): IsCallingOrigin {
  const { clients, access } = domain;
  return async (origin) => {
    for (const clientId of await clients.listByWebOrigin(origin)) {
      const { grants } = await access.rightsOf(clientId);
      if (grants.has(ACCOUNT_AUDIENCE)) return true;
    }
    return false;
  };
}
