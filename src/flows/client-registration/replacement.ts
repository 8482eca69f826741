/**
 * What a client is to become by the body of its PUT (RFC 7592 section 2.2): what it says of
 * itself, within its token's allowance, and what an operator has decided since, which the body
 * neither changes nor has to repeat. What GET tells can therefore always be sent back.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClientRegistration } from '../../domain/client-registrations/index.js';
import {
  type Client,
  type ClientDraft,
  type ClientMetadata,
  type ClientWithSecrets,
  draftOf,
  secretMatches,
} from '../../domain/clients/index.js';
import type { Domain } from '../domain.js';
import { judge } from './judge.js';
import { type Refusal, readWish, refusal, type Wish } from './metadata.js';

/** A client and its registration, as they are at this moment. */
export type Standing = { readonly own: ClientRegistration; readonly client: ClientWithSecrets };

/** RFC 7592 section 2.2: the server's own, so nobody may send them back changed, or at all. */
const OURS = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
];

/** Nobody registers it for themself: if a client has it, an operator gave it. */
const PAYMENTS = 'authorization_details_types';

/**
 * Reads and judges the body of a replacement. Nothing but the database is asked, so that it can
 * be done again in the transaction that stores the result, over what is registered by then.
 */
export async function planReplacement(
  domain: Pick<Domain, 'access' | 'clients' | 'claims'>,
  standing: Standing,
  body: unknown,
  now: Date,
): Promise<Refusal | { readonly kind: 'planned'; readonly wish: Wish }> {
  const { own, client } = standing;
  const decided = await decidedGrants(domain.access, own);
  const read = readWish(client.id, withDecided(body, standing), {
    ...own.allowance,
    // An operator may have put it under other rules since.
    profile: client.profile,
    apiScopes: { ...own.allowance.apiScopes, ...decided },
  });
  if (read.kind === 'refused') return read;
  const foreign = identityFault(body as object, client, now);
  if (foreign) return refusal('invalid_client_metadata', foreign);
  const wish = {
    grants: { ...read.wish.grants, ...decided },
    draft: keepOperators(client, read.wish.draft),
  };
  return (await judge(domain, wish)) ?? { kind: 'planned', wish };
}

/** The scopes of the APIs an operator has decided about: exactly those it has now. */
async function decidedGrants(
  access: Domain['access'],
  { clientId, decided }: ClientRegistration,
): Promise<Record<string, readonly string[]>> {
  const { grants } = await access.rightsOf(clientId);
  return Object.fromEntries(decided.apis.map((api) => [api, [...(grants.get(api) ?? [])]]));
}

/** The body, with what an operator has set by name put in the place of what it says about it. */
function withDecided(body: unknown, { own, client }: Standing): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const registered: Readonly<Record<string, unknown>> = {
    ...(client.metadata as ClientMetadata),
    require_pushed_authorization_requests: client.requirePushedRequests,
    dpop_bound_access_tokens: client.dpopBoundAccessTokens,
  };
  const sentBack = isDeepStrictEqual(
    (body as Record<string, unknown>)[PAYMENTS],
    registered[PAYMENTS],
  );
  // What is null counts as left out.
  return {
    ...body,
    ...Object.fromEntries(
      own.decided.fields
        .filter((name) => name !== PAYMENTS)
        .map((name) => [name, registered[name] ?? null]),
    ),
    ...(sentBack ? { [PAYMENTS]: null } : {}),
  };
}

/** What only operators set stays as it is. */
function keepOperators(client: Client, draft: ClientDraft): ClientDraft {
  const before = draftOf(client);
  const payments = before.metadata?.[PAYMENTS];
  return {
    ...draft,
    ...(before.refresh ? { refresh: before.refresh } : {}),
    ...(payments ? { metadata: { ...draft.metadata, [PAYMENTS]: payments } } : {}),
    webOrigins: client.webOrigins,
    selfRegistration: client.selfRegistration,
    emailCode: client.emailCode,
  };
}

/** The body has to be about this client, and may not bring what only the server gives out. */
function identityFault(body: object, client: ClientWithSecrets, now: Date): string | undefined {
  const { client_id: id, client_secret: secret } = body as Record<string, unknown>;
  const ours = OURS.find((name) => name in body);
  if (ours) return `${ours} must not be sent`;
  if (id !== client.id) return 'client_id must be that of the registration';
  if (secret === undefined || secret === null) return undefined;
  const same = typeof secret === 'string' && secretMatches(client.secrets, secret, now);
  return same ? undefined : 'client_secret must be the present one or left out';
}
