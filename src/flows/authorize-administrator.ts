/**
 * Who calls the admin API? A bearer token for its audience, alive in the database at this very
 * moment; staff tokens are not accepted before staff can prove two factors.
 */
import { ADMIN_AUDIENCE, type Administrator } from '../domain/access/index.js';
import type { FlowParts } from './domain.js';

export type AuthorizeAdministratorResult =
  | { readonly kind: 'authorized'; readonly administrator: Administrator }
  | { readonly kind: 'unknown-token' }
  | { readonly kind: 'wrong-audience' };

export type AuthorizeAdministrator = (bearer: string) => Promise<AuthorizeAdministratorResult>;

export function createAuthorizeAdministrator({
  domain,
}: Pick<FlowParts, 'domain'>): AuthorizeAdministrator {
  return async (bearer) => {
    const token = await domain.grants.find(bearer);
    if (!token || (token.kind !== 'ClientCredentials' && token.kind !== 'AccessToken')) {
      return { kind: 'unknown-token' };
    }
    const { aud, scope, clientId, jkt } = token.payload;
    // A sender-constrained token presented as a bearer is a stolen one (RFC 9449 section 7.1).
    if (jkt !== undefined || token.payload['x5t#S256'] !== undefined) {
      return { kind: 'unknown-token' };
    }
    if (aud !== ADMIN_AUDIENCE || token.kind !== 'ClientCredentials') {
      return { kind: 'wrong-audience' };
    }
    const scopes = new Set(typeof scope === 'string' ? scope.split(' ') : []);
    return {
      kind: 'authorized',
      administrator: { kind: 'client', clientId: String(clientId), scopes },
    };
  };
}
