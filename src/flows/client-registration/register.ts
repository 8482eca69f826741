/** A client registers itself with an initial access token (RFC 7591 section 3). */
import type { Origin } from '../../domain/audit/index.js';
import { clientOf } from '../../domain/clients/index.js';
import type { Clock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import type { Domain, FlowParts } from '../domain.js';
import { needsSecret } from '../register-client.js';
import { type ClientInformation, informationOf } from './information.js';
import { type CheckByHost, judge, settleByHost } from './judge.js';
import { type Refusal, readWish, refusal, type Wish } from './metadata.js';
import { isProfileForAll } from './tokens.js';

export type ClientRegistrationParts = FlowParts & {
  readonly clock: Clock;
  readonly checkByHost: CheckByHost;
  readonly production: boolean;
  /** Where a client manages its registration. */
  readonly uriOf: (clientId: string) => string;
};

export type RegisterItselfResult =
  | { readonly kind: 'registered'; readonly information: ClientInformation }
  | { readonly kind: 'unknown-token' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  | Refusal;

export type RegisterItself = (input: {
  /** The initial access token. */
  readonly token: string;
  readonly body: unknown;
  readonly origin: Origin;
}) => Promise<RegisterItselfResult>;

export function createRegisterItself(parts: ClientRegistrationParts): RegisterItself {
  const { domain, transact, checkByHost, production, uriOf } = parts;
  const { clientRegistrations } = domain;

  return async ({ token, body, origin }) => {
    const permit = await clientRegistrations.findRegistrationToken(token);
    if (!permit) return { kind: 'unknown-token' };
    // Made elsewhere, or by a command that did not know where it ran.
    if (!isProfileForAll(permit.profile, production)) {
      const said = `clients of the profile ${permit.profile} do not register themselves in production`;
      return refusal('invalid_client_metadata', said);
    }
    const clientId = newId();
    const read = readWish(clientId, body, permit);
    if (read.kind === 'refused') return read;
    const refused = await judge(domain, read.wish);
    if (refused) return refused;

    const { sector_identifier_uri: called } = read.wish.draft.metadata ?? {};
    // Before other servers are asked: a token is no licence for calling them without end.
    const slot = await clientRegistrations.spendRegistration(permit.id);
    if (slot.kind === 'gone') return { kind: 'unknown-token' };
    if (slot.kind === 'limited') return slot;
    try {
      const settled = await settleByHost(read.wish.draft, checkByHost);
      if (settled.kind === 'refused') {
        await clientRegistrations.returnRegistration(permit.id, false);
        return settled;
      }
      const wish = { ...read.wish, draft: settled.trim(read.wish.draft) };
      const made = await transact((inside) => store(inside, wish, permit.id, origin));
      const known = { ...made, grants: wish.grants, uri: uriOf(clientId) };
      return { kind: 'registered', information: informationOf(clientOf(wish.draft), known) };
    } catch (error) {
      // What stands in the way of this may fail as well; the first failure is the one to tell.
      // Once a server was called the hour's slot stays spent, or a fault of ours would be a way to
      // call it without end.
      const ownFault = called === undefined;
      await clientRegistrations.returnRegistration(permit.id, ownFault).catch(() => undefined);
      throw error;
    }
  };
}

async function store(
  { clients, access, clientRegistrations, audit }: Domain,
  { draft, grants }: Wish,
  tokenId: string,
  origin: Origin,
): Promise<{ secret: string | undefined; access: string; registeredAt: Date }> {
  await clients.register(draft);
  await grantWithin(access, draft.id, grants);
  const issued = needsSecret(draft) ? await clients.issueSecret(draft.id) : undefined;
  const own = await clientRegistrations.noteRegistration(draft.id, tokenId);
  await audit.record({
    event: 'client_registered',
    result: 'success',
    actor: { kind: 'registration-token', id: tokenId },
    clientId: draft.id,
    origin,
    details: { name: draft.name, authMethod: draft.authMethod },
  });
  return {
    secret: issued?.kind === 'issued' ? issued.secret : undefined,
    access: own.access,
    registeredAt: own.createdAt,
  };
}

/** Gives a client exactly these scopes of these APIs; those of others are an operator's doing. */
export async function grantWithin(
  access: Domain['access'],
  clientId: string,
  grants: Wish['grants'],
): Promise<void> {
  for (const [indicator, scopes] of Object.entries(grants)) {
    const server = await access.findResourceServer(indicator);
    if (server) await access.grantScopes(clientId, server.id, scopes);
  }
}
