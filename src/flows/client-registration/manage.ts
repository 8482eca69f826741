/**
 * A client looks at its registration, replaces it or takes it away (RFC 7592), with the
 * registration access token it was given. A wrong token and a client that never was look alike.
 */
import type { Origin } from '../../domain/audit/index.js';
import type { ClientRegistration } from '../../domain/client-registrations/index.js';
import { type Client, clientOf } from '../../domain/clients/index.js';
import type { Domain } from '../domain.js';
import { needsSecret } from '../register-client.js';
import { type ClientInformation, informationOf } from './information.js';
import { settleByHost } from './judge.js';
import type { Refusal, Wish } from './metadata.js';
import { type ClientRegistrationParts, grantWithin } from './register.js';
import { planReplacement, type Standing } from './replacement.js';

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

export function createManageRegistration(parts: ClientRegistrationParts): ManageRegistration {
  const { domain, transact, clock, checkByHost, uriOf } = parts;

  /** The client of this token; in a transaction it is held, so that nobody changes it meanwhile. */
  async function open(
    { clients, clientRegistrations }: Domain,
    { clientId, access }: Asked,
    how: 'find' | 'hold',
  ): Promise<Denied | ({ readonly kind: 'open' } & Standing)> {
    const client = await clients[how](clientId);
    const own = await clientRegistrations.findRegistrationOf(clientId, access);
    if (!own || !client) return { kind: 'unknown-token' };
    return client.status === 'active' ? { kind: 'open', own, client } : { kind: 'disabled' };
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
      const found = await open(domain, input, 'find');
      return found.kind === 'open'
        ? tell(found.client, found.own, { access: input.access })
        : found;
    },

    async replace(input) {
      const found = await open(domain, input, 'find');
      if (found.kind !== 'open') return found;
      const plan = await planReplacement(domain, found, input.body, clock.now());
      if (plan.kind === 'refused') return plan;
      // Other servers are asked for it: counted first, as a registration is.
      const count = await domain.risk.countUse('client-change', input.clientId, AN_HOUR);
      if (count > CHANGES_PER_HOUR) return { kind: 'limited', retryAfterSeconds: AN_HOUR };
      const settled = await settleByHost(plan.wish.draft, checkByHost);
      if (settled.kind === 'refused') return settled;

      // Those servers took their time, and may be the client's own: what an operator did in it
      // must not be written over. All that was seen before is looked at again, and now held.
      const made = await transact(async (inside) => {
        const now = await open(inside, input, 'hold');
        if (now.kind !== 'open') return now;
        const again = await planReplacement(inside, now, input.body, clock.now());
        if (again.kind === 'refused') return again;
        const draft = settled.trim(again.wish.draft, now.own.decided.fields);
        return rewrite(inside, now, { ...again.wish, draft }, input);
      });
      if (made.kind !== 'rewritten') return made;
      return tell(made.client, found.own, made);
    },

    async remove(input) {
      const seen = await open(domain, input, 'find');
      if (seen.kind !== 'open') return seen;
      return transact(async (inside) => {
        // Looked at again while it is held: a token that a change has just spent removes nothing.
        const found = await open(inside, input, 'hold');
        if (found.kind !== 'open') return found;
        await inside.clients.remove(input.clientId);
        await inside.audit.record({
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

type Rewritten = {
  readonly kind: 'rewritten';
  readonly client: Client;
  readonly access: string;
  readonly secret: string | undefined;
};

/** Stores what a client is from now on, and spends the token it came with. */
async function rewrite(
  { clients, access, clientRegistrations, audit }: Domain,
  { client: before }: Standing,
  { draft, grants }: Wish,
  input: Asked,
): Promise<Rewritten | Denied> {
  const next = await clientRegistrations.replaceAccess(draft.id, input.access);
  if (next === undefined) return { kind: 'unknown-token' };
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
  const secret = issued?.kind === 'issued' ? issued.secret : undefined;
  return { kind: 'rewritten', client: clientOf(draft), access: next, secret };
}
