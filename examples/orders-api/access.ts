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
  /** The right person, but their log-in is too weak or too long ago (RFC 9470). */
  | { readonly kind: 'insufficient-login' }
  /** Nobody knows. That is no reason to call anybody signed out. */
  | { readonly kind: 'cannot-ask'; readonly reason: string };

/** What a request needs. */
export type Need = {
  readonly scope: string;
  /** The ways to log in that are good enough, and for how many seconds. */
  readonly login?: { readonly acr: readonly string[]; readonly maxAge: number };
};

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

/** Judges the `Authorization` header of a request. */
export async function judge(authorization: string | undefined, need: Need): Promise<Verdict> {
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
  if (!found.scope?.split(' ').includes(need.scope)) return { kind: 'insufficient-scope' };
  if (need.login && !isGoodEnough(found, need.login)) return { kind: 'insufficient-login' };
  return { kind: 'allowed', subject: found.sub };
}

/** A token that does not say how and when its subject logged in has not shown that they did. */
function isGoodEnough(
  { acr, auth_time: loggedInAt }: oauth.IntrospectionResponse,
  need: NonNullable<Need['login']>,
): boolean {
  if (typeof acr !== 'string' || !need.acr.includes(acr)) return false;
  return typeof loggedInAt === 'number' && Date.now() / 1000 - loggedInAt <= need.maxAge;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
