/**
 * Whether an access token lives, as introspection judges it (RFC 7662): it is found and not
 * expired, its client is active, the session it was issued in goes on, and so does the grant
 * behind it. One judgement for the account pages, the self-service API and gateways.
 */
import type Provider from 'oidc-provider';
import { guarded } from './errors.js';

export type HostToken = InstanceType<Provider['AccessToken']>;
export type HostGrant = InstanceType<Provider['Grant']>;

/** What an access token hangs on. */
export type Footing = {
  readonly accountId?: string | undefined;
  readonly grantId?: string | undefined;
  readonly clientId?: string | undefined;
};

/** The access token of that value; what is bound to a session that ended is not found. */
export async function findAccessToken(
  provider: Provider,
  value: string,
): Promise<HostToken | undefined> {
  const token = await guarded(() => provider.AccessToken.find(value));
  return token?.isValid ? token : undefined;
}

/** The grant a token hangs on, if it is alive and of the same owner and client. */
export async function findGrantOf(
  provider: Provider,
  { accountId, grantId, clientId }: Footing,
): Promise<HostGrant | undefined> {
  const grant = grantId ? await guarded(() => provider.Grant.find(grantId)) : undefined;
  return grant?.clientId === clientId && grant?.accountId === accountId ? grant : undefined;
}
