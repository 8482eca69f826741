/**
 * Who is calling, and may they? The answer comes from the authorization server each time
 * (RFC 7662). Nothing is cached, so what is revoked there ends here with the next request.
 */
import * as oauth from 'oauth4webapi';
import { settings } from './settings.js';

export type Verdict =
  /** `subject` is the shopper; a machine that acts for itself has none. */
  | { readonly kind: 'allowed'; readonly subject: string | undefined }
  | { readonly kind: 'no-token' }
  | { readonly kind: 'invalid-token' }
  | { readonly kind: 'insufficient-scope' }
  /** Nobody knows. That is no reason to call anybody signed out. */
  | { readonly kind: 'cannot-ask'; readonly reason: string };

const client: oauth.Client = { client_id: settings.clientId };
const clientAuthentication = oauth.ClientSecretBasic(settings.clientSecret);

const options = () => ({
  [oauth.allowInsecureRequests]: settings.withoutTls,
  signal: AbortSignal.timeout(5_000),
});

let metadata: oauth.AuthorizationServer | undefined;

/** Where the endpoints are (RFC 8414). Only success is remembered. */
async function discover(): Promise<oauth.AuthorizationServer> {
  metadata ??= await oauth.processDiscoveryResponse(
    settings.issuer,
    await oauth.discoveryRequest(settings.issuer, { algorithm: 'oauth2', ...options() }),
  );
  return metadata;
}

async function introspect(token: string): Promise<oauth.IntrospectionResponse> {
  const server = await discover();
  const response = await oauth.introspectionRequest(
    server,
    client,
    clientAuthentication,
    token,
    options(),
  );
  return oauth.processIntrospectionResponse(server, client, response);
}

/** Judges the `Authorization` header of a request that needs `scope`. */
export async function judge(authorization: string | undefined, scope: string): Promise<Verdict> {
  const [, token] = /^bearer +(.+)$/i.exec(authorization?.trim() ?? '') ?? [];
  if (token === undefined) return { kind: 'no-token' };

  let found: oauth.IntrospectionResponse;
  try {
    found = await introspect(token);
  } catch (error) {
    // Down, slow, or refusing our own credentials: in each case the token was not judged.
    return { kind: 'cannot-ask', reason: explain(error) };
  }

  if (!found.active) return { kind: 'invalid-token' };
  // A token for another API must not open this one, however valid it is there.
  if (![found.aud].flat().includes(settings.audience)) return { kind: 'invalid-token' };
  // A token bound to a key is worth nothing without a proof of that key (RFC 9449 section 7.2).
  if (found.cnf !== undefined) return { kind: 'invalid-token' };
  if (!found.scope?.split(' ').includes(scope)) return { kind: 'insufficient-scope' };
  return { kind: 'allowed', subject: found.sub };
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
