/**
 * What a profile asks of a client. Pure, and asked twice: when a client is registered or changed,
 * where each violation is a sentence, and with every request, where it is an OAuth error. So a
 * setting that got past the first is caught by the second.
 *
 * `fapi2` is the FAPI 2.0 Security Profile (Final), sections 5.3.2 and 5.4; `legacy` is
 * `oauth2.1` for one confidential client that cannot do PKCE.
 */
import type { ClientDraft } from './draft.js';
import type { ClientMetadata } from './metadata.js';

/** What the rules look at; a registered client has it as well as a draft. */
type Ruled = {
  readonly profile?: string | undefined;
  readonly authMethod: string;
  readonly metadata?: unknown;
  readonly dpopBoundAccessTokens?: boolean | undefined;
};

const metadataOf = (client: Ruled) => (client.metadata ?? {}) as ClientMetadata;

/** Whether the client is bound to FAPI 2.0. */
export function isFapi(client: Pick<Ruled, 'profile'>): boolean {
  return client.profile === 'fapi2';
}

/**
 * Whether its authorization requests need a code challenge (RFC 9700 section 2.1.1). A public
 * client's always do: nothing else ties its code to whoever asked for it.
 */
export function needsProofKey(client: Ruled): boolean {
  return client.profile !== 'legacy' || client.authMethod === 'none';
}

/** How its access tokens are bound to it: by a certificate, by a DPoP key, or not at all. */
export function tokenBinding(client: Ruled): 'certificate' | 'dpop' | undefined {
  if (metadataOf(client).tls_client_certificate_bound_access_tokens) return 'certificate';
  return client.dpopBoundAccessTokens || isFapi(client) ? 'dpop' : undefined;
}

/** Whether it may hand over its authorization requests as signed JWTs (RFC 9101). */
export function maySignRequests(client: Ruled): boolean {
  const metadata = metadataOf(client);
  return (
    metadata.request_object_signing_alg !== undefined || !!metadata.require_signed_request_object
  );
}

/** Whether it may have its authorization responses as signed JWTs (JARM). */
export function maySignResponses(client: Ruled): boolean {
  return metadataOf(client).authorization_signed_response_alg !== undefined;
}

const FAPI_METHODS: readonly string[] = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
];

/** Why the draft cannot be under its profile, and which settings contradict each other. */
export function profileFaults(draft: ClientDraft): string[] {
  const faults = contradictions(draft);
  if (isFapi(draft)) faults.push(...fapiFaults(draft));
  if (draft.profile === 'legacy') {
    if (draft.authMethod === 'none') {
      faults.push('A legacy client must authenticate: nothing else protects its codes');
    }
    if (!draft.grantTypes.includes('authorization_code')) {
      faults.push('The legacy profile is of no use without the authorization_code grant');
    }
  }
  return faults;
}

function contradictions(draft: ClientDraft): string[] {
  const { metadata = {} } = draft;
  const faults: string[] = [];
  const hasKeys = draft.jwks !== undefined || metadata.jwks_uri !== undefined;
  if (maySignRequests(draft) && !hasKeys) {
    faults.push('Signed requests need public keys (jwks or jwks_uri)');
  }
  if (draft.dpopBoundAccessTokens && metadata.tls_client_certificate_bound_access_tokens) {
    faults.push('Access tokens are bound to a DPoP key or to a certificate, not to both');
  }
  if (metadata.token_endpoint_auth_signing_alg && draft.authMethod !== 'private_key_jwt') {
    faults.push('token_endpoint_auth_signing_alg is of no use without private_key_jwt');
  }
  return faults;
}

function fapiFaults(draft: ClientDraft): string[] {
  const { metadata = {} } = draft;
  const faults: string[] = [];
  if (!FAPI_METHODS.includes(draft.authMethod)) {
    faults.push(`A fapi2 client authenticates with ${oneOf(FAPI_METHODS)}`);
  }
  if (draft.grantTypes.includes('authorization_code') && !draft.requirePushedRequests) {
    faults.push('A fapi2 client has to push its authorization requests');
  }
  if (!draft.dpopBoundAccessTokens && !metadata.tls_client_certificate_bound_access_tokens) {
    faults.push('A fapi2 client needs access tokens bound to a DPoP key or to a certificate');
  }
  for (const [name, alg] of signaturesOf(draft)) {
    if (alg === 'RS256') {
      faults.push(`${name} of a fapi2 client must be ES256, EdDSA or PS256, not RS256`);
    }
  }
  for (const uri of draft.redirectUris ?? []) {
    if (uri.startsWith('http:') && draft.applicationType !== 'native') {
      faults.push(`The redirect URI ${uri} of a fapi2 client must be https`);
    }
  }
  return faults;
}

function signaturesOf({ idTokenAlg, metadata = {} }: ClientDraft): [string, string | undefined][] {
  const named = Object.entries(metadata).filter(([name]) =>
    /_(?:signing|response)_alg$/.test(name),
  );
  return [['id_token_signed_response_alg', idTokenAlg], ...(named as [string, string][])];
}

function oneOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
