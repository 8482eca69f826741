/** A registered client as RFC 7591 section 3.2.1 and RFC 7592 section 3 tell it to itself. */
import type { Client } from '../../domain/clients/index.js';

export type ClientInformation = Readonly<Record<string, unknown>>;

/**
 * Everything that is registered, what was not asked for with its default. The secret stands in
 * it only when it has just been made: it is stored as its digest.
 *
 * @param given what only this answer can say
 */
export function informationOf(
  client: Client,
  given: {
    readonly grants: Readonly<Record<string, readonly string[]>>;
    readonly registeredAt: Date;
    readonly secret?: string | undefined;
    readonly access: string;
    /** Where the client manages its registration. */
    readonly uri: string;
  },
): ClientInformation {
  const scopes = [...client.identityScopes, ...Object.values(given.grants).flat()];
  return {
    client_id: client.id,
    client_id_issued_at: Math.floor(given.registeredAt.getTime() / 1000),
    // RFC 7591: 0 is "does not expire".
    ...(given.secret ? { client_secret: given.secret, client_secret_expires_at: 0 } : {}),
    registration_access_token: given.access,
    registration_client_uri: given.uri,
    client_name: client.name,
    application_type: client.applicationType,
    redirect_uris: client.redirectUris,
    post_logout_redirect_uris: client.postLogoutRedirectUris,
    grant_types: client.grantTypes,
    response_types: client.grantTypes.includes('authorization_code') ? ['code'] : [],
    token_endpoint_auth_method: client.authMethod,
    id_token_signed_response_alg: client.idTokenAlg,
    subject_type: 'public',
    require_auth_time: false,
    require_pushed_authorization_requests: client.requirePushedRequests,
    dpop_bound_access_tokens: client.dpopBoundAccessTokens,
    ...(client.metadata as object),
    ...(scopes.length > 0 ? { scope: [...new Set(scopes)].join(' ') } : {}),
    ...(client.jwks ? { jwks: client.jwks } : {}),
    ...(client.clientUri ? { client_uri: client.clientUri } : {}),
    ...(client.policyUri ? { policy_uri: client.policyUri } : {}),
    ...(client.tosUri ? { tos_uri: client.tosUri } : {}),
  };
}
