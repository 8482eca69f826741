/**
 * Whether a client that nobody has looked at may be what it asks to be. The rules of every
 * registration hold for it, and two more: what it is called must not be taken for the shop, and
 * the protocol host itself must be able to work with it.
 */
import {
  authMethods,
  type Client,
  type ClientDraft,
  clientOf,
  idTokenAlgs,
  nameFault,
} from '../../domain/clients/index.js';
import type { Domain } from '../domain.js';
import { rightsFaults } from '../register-client.js';
import { type Refusal, refusal, type Wish } from './metadata.js';

/**
 * The protocol host's own look at a client: what is wrong with it, or the names of the metadata
 * that mean something to the host. It may call the client's `sector_identifier_uri`.
 */
export type CheckByHost = (
  client: Client,
) => Promise<{ readonly fault: string } | { readonly understood: ReadonlySet<string> }>;

/** For people to read; they mean nothing to the host. */
const PLAIN = new Set(['software_id', 'software_version']);

/** Judges by rules alone: nothing is called. */
export async function judge(
  { clients, access, claims }: Pick<Domain, 'clients' | 'access' | 'claims'>,
  { draft, grants }: Wish,
): Promise<Refusal | undefined> {
  const [misplaced] = clients.redirectFaultsOf(draft);
  if (misplaced) return refusal('invalid_redirect_uri', misplaced);
  const name = nameFault(draft.name, await clients.listFirstPartyNames());
  if (name) return refusal('invalid_client_metadata', `client_name ${name}`);
  const servers = new Map((await access.listResourceServers()).map((one) => [one.indicator, one]));
  const asked = Object.fromEntries(
    Object.entries(grants).filter(([, scopes]) => scopes.length > 0),
  );
  const faults = [
    ...listFaults(draft),
    ...clients.faultsOf(draft),
    ...rightsFaults(
      { client: draft, grants: asked, audiences: [] },
      servers,
      await claims.listMappings(),
    ),
  ];
  return faults.length > 0 ? refusal('invalid_client_metadata', faults.join('; ')) : undefined;
}

/**
 * Shows a draft to the host. `trim` takes out of a draft what the host did not understand, which
 * would be an empty promise; what an operator has decided is not the client's to lose.
 */
export async function settleByHost(
  draft: ClientDraft,
  checkByHost: CheckByHost,
): Promise<
  | Refusal
  | {
      readonly kind: 'settled';
      readonly trim: (draft: ClientDraft, decided?: readonly string[]) => ClientDraft;
    }
> {
  const seen = await checkByHost(clientOf(draft));
  if ('fault' in seen) return refusal('invalid_client_metadata', seen.fault);
  return {
    kind: 'settled',
    trim(given, decided = []) {
      const kept = Object.entries(given.metadata ?? {}).filter(
        ([name]) => seen.understood.has(name) || PLAIN.has(name) || decided.includes(name),
      );
      return { ...given, metadata: Object.fromEntries(kept) };
    },
  };
}

/** What the command line's own lists keep out for operators. */
function listFaults(draft: ClientDraft): string[] {
  const known = (name: string, value: string, among: readonly string[]) =>
    among.includes(value) ? [] : [`${name} must be one of ${among.join(', ')}`];
  return [
    ...known('token_endpoint_auth_method', draft.authMethod, authMethods),
    ...known('id_token_signed_response_alg', draft.idTokenAlg ?? 'ES256', idTokenAlgs),
  ];
}
