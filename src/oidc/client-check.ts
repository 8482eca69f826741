/**
 * The protocol host's own judgement of a client that is about to be stored. Its schema is the last
 * word on what can be worked with: a client that it refuses would be an error at every request.
 */
import { errors } from 'oidc-provider';
import type { Client } from '../domain/clients/index.js';
import { hostMetadata } from './clients.js';
import type { Host } from './host.js';
import { type MutualTlsParts, refuseWithoutCertificates } from './mutual-tls.js';
import { checkRegistration } from './sector-check.js';

type HostClientClass = {
  new (metadata: object): { metadata(): Record<string, unknown> };
  validate(metadata: object): Promise<void>;
};

/** What is wrong with a client, or the names of the metadata that mean something to the host. */
export type ClientCheck = (
  client: Client,
) => Promise<{ readonly fault: string } | { readonly understood: ReadonlySet<string> }>;

// One sentence for all of it: which of these it was would tell who asks what answers where.
const SECTOR_FAULT =
  'sector_identifier_uri must be a public https address that answers with a JSON list of all redirect_uris (and of the jwks_uri, with grants that have no redirect)';

/** The check may fetch the client's `sector_identifier_uri` (OpenID Connect Core 8.1). */
export function createClientCheck(
  host: Pick<Host, 'current'>,
  mutualTls: MutualTlsParts | undefined,
): ClientCheck {
  return async (client) => {
    const HostClient = host.current().Client as unknown as HostClientClass;
    const metadata = hostMetadata(client);
    const unserved = client.grantTypes.find((grant) => !metadata.grant_types?.includes(grant));
    if (unserved) return { fault: `grant_types must not hold ${unserved}: it is not served here` };
    const { called, error } = await checkRegistration(async () => {
      refuseWithoutCertificates(client, mutualTls);
      await HostClient.validate(metadata);
    });
    if (error === undefined) {
      return { understood: new Set(Object.keys(new HostClient(metadata).metadata())) };
    }
    if (!(error instanceof errors.InvalidClientMetadata)) throw error;
    return { fault: called ? SECTOR_FAULT : (error.error_description ?? error.message) };
  };
}
