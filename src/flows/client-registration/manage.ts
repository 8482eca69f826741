/**
 * A client looks at its registration, replaces it or takes it away (RFC 7592), with the
 * registration access token it was given. A wrong token and a client that never was look alike.
 */
import type { Origin } from '../../domain/audit/index.js';
import type { ClientRegistration } from '../../domain/client-registrations/index.js';
import {
  type Client,
  type ClientDraft,
  type ClientWithSecrets,
  clientOf,
  draftOf,
  secretMatches,
} from '../../domain/clients/index.js';
import type { Domain } from '../domain.js';
import { needsSecret } from '../register-client.js';
import { type ClientInformation, informationOf } from './information.js';
import { judge, settleByHost } from './judge.js';
import { type Refusal, readWish, refusal, type Wish } from './metadata.js';
import { type ClientRegistrationParts, grantWithin } from './register.js';

type Denied =
  | { readonly kind: 'unknown-token' }
  /** The token is right, but an operator has disabled the client. */
  | { readonly kind: 'disabled' };

type Asked = { readonly clientId: string; readonly access: string; readonly origin: Origin };
type Told = { readonly kind: 'told'; readonly information: ClientInformation };

export type ManageRegistration = {
  read(input: Asked): Promise<Denied | Told>;
  /** The body replaces everything; what it leaves out gets its default. */
  replace(
    input: Asked & { readonly body: unknown },
  ): Promise<
    Denied | Told | Refusal | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  >;
  /** All that was issued to the client ends with it. */
  remove(input: Asked): Promise<Denied | { readonly kind: 'removed' }>;
};

const AN_HOUR = 3600;
const CHANGES_PER_HOUR = 20;

/** RFC 7592 section 2.2: the server's own, so nobody may send them back changed, or at all. */
const OURS = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
];

export function createManageRegistration(parts: ClientRegistrationParts): ManageRegistration {
  const { domain, transact, clock, checkByHost, uriOf } = parts;

  async function open({ clientId, access }: Asked) {
    const own = await domain.clientRegistrations.findRegistrationOf(clientId, access);
    const client = own && (await domain.clients.find(clientId));
    if (!own || !client) return { kind: 'unknown-token' } as const;
    if (client.status !== 'active') return { kind: 'disabled' } as const;
    return { kind: 'open', own, client } as const;
  }

  async function tell(
    client: Client,
    own: ClientRegistration,
    fresh: { access: string; secret?: string | undefined },
  ): Promise<Told> {
    const { grants } = await domain.access.rightsOf(client.id);
    const scopes = Object.fromEntries([...grants].map(([at, names]) => [at, [...names]]));
    const known = { grants: scopes, registeredAt: own.createdAt, uri: uriOf(client.id), ...fresh };
    return { kind: 'told', information: informationOf(client, known) };
  }

  return {
    async read(input) {
      const found = await open(input);
      return found.kind === 'open'
        ? tell(found.client, found.own, { access: input.access })
        : found;
    },

    async replace(input) {
      const found = await open(input);
      if (found.kind !== 'open') return found;
      const { own, client } = found;
      const read = readWish(client.id, input.body, {
        ...own.allowance,
        // An operator may have put it under other rules since.
        profile: client.profile,
      });
      if (read.kind === 'refused') return read;
      const foreign = identityFault(input.body as object, client, clock.now());
      if (foreign) return refusal('invalid_client_metadata', foreign);
      const wish = { ...read.wish, draft: keepOperators(client, read.wish.draft) };
      const refused = await judge(domain, wish);
      if (refused) return refused;
      // Other servers are asked for it: counted first, as a registration is.
      const count = await domain.risk.countUse('client-change', client.id, AN_HOUR);
      if (count > CHANGES_PER_HOUR) return { kind: 'limited', retryAfterSeconds: AN_HOUR };
      const settled = await settleByHost(wish.draft, checkByHost);
      if (settled.kind === 'refused') return settled;

      const next = { grants: wish.grants, draft: settled.draft };
      const made = await transact((inside) => rewrite(inside, client, next, input));
      if (!made) return { kind: 'unknown-token' };
      return tell(clientOf(next.draft), own, made);
    },

    async remove(input) {
      const found = await open(input);
      if (found.kind !== 'open') return found;
      return transact(async ({ clients, audit }) => {
        if (!(await clients.remove(input.clientId))) return { kind: 'unknown-token' };
        await audit.record({
          event: 'client_deleted',
          result: 'success',
          actor: { kind: 'client', id: input.clientId },
          clientId: input.clientId,
          origin: input.origin,
          details: { name: found.client.name },
        });
        return { kind: 'removed' };
      });
    },
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

/** What only operators set stays as it is. */
function keepOperators(client: ClientWithSecrets, draft: ClientDraft): ClientDraft {
  const before = draftOf(client);
  return {
    ...draft,
    ...(before.refresh ? { refresh: before.refresh } : {}),
    webOrigins: client.webOrigins,
    selfRegistration: client.selfRegistration,
    emailCode: client.emailCode,
  };
}

/** Undefined when the token was replaced meanwhile. */
async function rewrite(
  { clients, access, clientRegistrations, audit }: Domain,
  before: ClientWithSecrets,
  { draft, grants }: Wish,
  input: Asked,
): Promise<{ access: string; secret: string | undefined } | undefined> {
  const next = await clientRegistrations.replaceAccess(draft.id, input.access);
  if (next === undefined) return undefined;
  await clients.replace(draft);
  await grantWithin(access, draft.id, grants);
  const needsFirst = needsSecret(draft) && !before.authMethod.startsWith('client_secret');
  const issued = needsFirst ? await clients.issueSecret(draft.id) : undefined;
  await audit.record({
    event: 'client_changed',
    result: 'success',
    actor: { kind: 'client', id: draft.id },
    clientId: draft.id,
    origin: input.origin,
    details: { name: draft.name, authMethod: draft.authMethod },
  });
  return { access: next, secret: issued?.kind === 'issued' ? issued.secret : undefined };
}
