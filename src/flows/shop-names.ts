/** What passwords must not be made of: the names under which people know the shop. */
import type { Domain } from './domain.js';
import { ACCOUNT_CLIENT } from './ensure-account-client.js';

/** The names of the shop's own storefronts, the oldest first; ours is none of them. */
export const shopNames = ({ clients }: Pick<Domain, 'clients'>): Promise<string[]> =>
  clients.listShopNames({ except: ACCOUNT_CLIENT });
