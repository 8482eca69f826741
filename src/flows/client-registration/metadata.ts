/**
 * What a client says of itself (RFC 7591 section 2, OpenID Connect Registration 2) → a draft of a
 * registration, within what its initial access token allows. Pure; nothing is fetched here.
 *
 * A name that nobody knows is ignored, as section 2 says, and so are translations
 * (`client_name#de`) and `logo_uri`: logos are uploaded by operators, so that no page of ours
 * loads a stranger's picture. What is ignored is not in the answer. What would have been a
 * promise that this server cannot keep is refused by name.
 */
import type { Allowance } from '../../domain/client-registrations/index.js';
import {
  type ClientDraft,
  type ClientMetadata,
  metadataNames,
} from '../../domain/clients/index.js';
import { type Fields, fieldsOf, Misfit } from './fields.js';

/** Why a registration is refused: an error code of RFC 7591 section 3.2.2 and a sentence. */
export type Refusal = {
  readonly kind: 'refused';
  readonly error:
    | 'invalid_redirect_uri'
    | 'invalid_client_metadata'
    | 'unapproved_software_statement';
  readonly description: string;
};

/** What a client asks to be. */
export type Wish = {
  readonly draft: ClientDraft;
  /** Scopes by the indicator of their resource server. */
  readonly grants: Readonly<Record<string, readonly string[]>>;
};

export const refusal = (error: Refusal['error'], description: string): Refusal => ({
  kind: 'refused',
  error,
  description,
});

// Payments are asked for by clients an operator knows: nobody makes themself a creditor.
const UNSUPPORTED =
  /^(request_uris|authorization_details_types|[a-z_]+_encrypted_response_(alg|enc)|request_object_encryption_(alg|enc))$/;

/**
 * Reads the body of a registration.
 *
 * @param id the client's, which it does not choose
 */
export function readWish(
  id: string,
  body: unknown,
  allowance: Allowance,
): Refusal | { readonly kind: 'read'; readonly wish: Wish } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refusal('invalid_client_metadata', 'the body must be one JSON object');
  }
  const fields = fieldsOf(body);
  if (fields.has('software_statement')) {
    return refusal(
      'unapproved_software_statement',
      'software_statement is not accepted here: this server trusts nobody’s statements',
    );
  }
  const unsupported = fields.names().find((name) => UNSUPPORTED.test(name));
  if (unsupported) return refusal('invalid_client_metadata', `${unsupported} is not supported`);
  try {
    const wish = wishOf(id, fields, allowance);
    const needsRedirect = wish.draft.grantTypes.includes('authorization_code');
    if (needsRedirect && wish.draft.redirectUris?.length === 0) {
      return refusal('invalid_redirect_uri', 'redirect_uris must hold at least one address');
    }
    return { kind: 'read', wish };
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const code =
      error.field === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata';
    return refusal(code, error.message);
  }
}

function wishOf(id: string, fields: Fields, allowance: Allowance): Wish {
  const grantTypes = readGrantTypes(fields, allowance);
  const redirectUris = fields.texts('redirect_uris') ?? [];
  const metadata = Object.fromEntries(
    metadataNames.flatMap((name) => (fields.has(name) ? [[name, fields.raw(name)]] : [])),
  ) as ClientMetadata;
  const fapi = allowance.profile === 'fapi2';
  const certificate = metadata.tls_client_certificate_bound_access_tokens === true;
  const { identityScopes, grants } = readScopes(fields, allowance, grantTypes);
  const pages = {
    clientUri: fields.text('client_uri'),
    policyUri: fields.text('policy_uri'),
    tosUri: fields.text('tos_uri'),
  };
  const draft = {
    id,
    name: fields.text('client_name') ?? nameFrom(redirectUris, id),
    authMethod: fields.text('token_endpoint_auth_method') ?? 'client_secret_basic',
    grantTypes,
    applicationType: fields.oneOf('application_type', ['web', 'native']) ?? 'web',
    redirectUris,
    postLogoutRedirectUris: fields.texts('post_logout_redirect_uris') ?? [],
    identityScopes,
    // OpenID Connect Registration 2 says RS256; FAPI 2.0 section 5.4 says anything but.
    idTokenAlg: fields.text('id_token_signed_response_alg') ?? (fapi ? 'ES256' : 'RS256'),
    requirePushedRequests: fields.flag('require_pushed_authorization_requests') ?? fapi,
    dpopBoundAccessTokens: fields.flag('dpop_bound_access_tokens') ?? (fapi && !certificate),
    profile: allowance.profile,
    metadata,
    ...(fields.has('jwks') ? { jwks: fields.raw('jwks') } : {}),
    ...Object.fromEntries(Object.entries(pages).filter(([, page]) => page !== undefined)),
  };
  // Methods, algorithms and profiles are looked at with the rest of the draft's faults.
  return { draft: draft as ClientDraft, grants };
}

function readGrantTypes(fields: Fields, allowance: Allowance): string[] {
  const asked = [...new Set(fields.texts('grant_types') ?? ['authorization_code'])];
  const foreign = asked.find((grant) => !allowance.grantTypes.includes(grant));
  if (foreign !== undefined) {
    throw new Misfit('grant_types', `must not hold ${foreign}: this token does not allow it`);
  }
  const responses = fields.texts('response_types');
  const other = responses?.find((type) => type !== 'code');
  if (other !== undefined) throw new Misfit('response_types', `must not hold ${other}, only code`);
  const usesCode = asked.includes('authorization_code');
  // RFC 7591 section 2.1: the two lists have to agree.
  if (responses && responses.includes('code') !== usesCode) {
    throw new Misfit('response_types', 'and grant_types must agree: code with authorization_code');
  }
  return asked;
}

function readScopes(fields: Fields, allowance: Allowance, grantTypes: readonly string[]) {
  const people = grantTypes.some((grant) => grant !== 'client_credentials');
  const own = allowance.identityScopes.filter(
    (scope) => people && (scope !== 'offline_access' || grantTypes.includes('refresh_token')),
  );
  const asked = fields.text('scope')?.split(/ +/).filter(Boolean);
  const owners = Object.entries(allowance.apiScopes);
  const foreign = asked?.find(
    (name) =>
      !allowance.identityScopes.includes(name) &&
      !owners.some(([, scopes]) => scopes.includes(name)),
  );
  if (foreign !== undefined) {
    throw new Misfit(
      'scope',
      `must not hold ${foreign.slice(0, 100)}: this token does not allow it`,
    );
  }
  const wants = (name: string) => asked === undefined || asked.includes(name);
  return {
    identityScopes: (asked ? allowance.identityScopes : own).filter(wants),
    grants: Object.fromEntries(
      owners.map(([indicator, scopes]) => [indicator, scopes.filter(wants)]),
    ),
  };
}

/** What a client without a name is called: where it sends people back to. */
function nameFrom([uri]: readonly string[], id: string): string {
  const host = uri !== undefined && URL.canParse(uri) ? new URL(uri).hostname : '';
  return (host || id).slice(0, 100);
}
