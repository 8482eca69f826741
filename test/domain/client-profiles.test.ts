/** Which settings a profile forbids, and which contradict each other; pure rules. */
import { describe, expect, test } from 'vitest';
import { draftFaults } from '../../src/domain/clients/draft-faults.js';
import type { ClientDraft } from '../../src/domain/clients/index.js';
import { needsProofKey, tokenBinding } from '../../src/domain/clients/profile-rules.js';

const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] };
const bank: ClientDraft = {
  id: 'bank',
  name: 'Bank',
  profile: 'fapi2',
  authMethod: 'private_key_jwt',
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: ['https://bank.example/cb'],
  requirePushedRequests: true,
  dpopBoundAccessTokens: true,
  jwks,
};
const faultsOf = (changes: Partial<ClientDraft>) => draftFaults({ ...bank, ...changes }, true);

describe('a fapi2 client', () => {
  test('may be as FAPI 2.0 has it, bound by a key or by a certificate', () => {
    expect(faultsOf({})).toEqual([]);
    expect(
      faultsOf({
        dpopBoundAccessTokens: false,
        metadata: { tls_client_certificate_bound_access_tokens: true },
        idTokenAlg: 'PS256',
      }),
    ).toEqual([]);
    // A machine has nothing to push.
    const machine = { grantTypes: ['client_credentials'], redirectUris: [] } as const;
    expect(faultsOf({ ...machine, requirePushedRequests: false })).toEqual([]);
  });

  test.each<[string, Partial<ClientDraft>, RegExp]>([
    ['is not public', { authMethod: 'none' }, /authenticates with/],
    ['has no secret', { authMethod: 'client_secret_basic' }, /authenticates with/],
    ['pushes', { requirePushedRequests: false }, /has to push/],
    ['is bound', { dpopBoundAccessTokens: false }, /needs access tokens bound/],
    ['takes no RS256', { idTokenAlg: 'RS256' }, /id_token_signed_response_alg .* not RS256/],
    [
      'takes no RS256 in introspection',
      { metadata: { introspection_signed_response_alg: 'RS256' } },
      /introspection_signed_response_alg .* not RS256/,
    ],
  ])('%s', (_what, changes, fault) => {
    const faults = faultsOf(changes);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });
});

describe('settings that contradict each other', () => {
  const modern = { profile: 'oauth2.1', authMethod: 'client_secret_basic' } as const;
  test.each<[Partial<ClientDraft>, string]>([
    [
      { metadata: { tls_client_certificate_bound_access_tokens: true } },
      'Access tokens are bound to a DPoP key or to a certificate, not to both',
    ],
    [
      { ...modern, jwks: undefined, metadata: { require_signed_request_object: true } },
      'Signed requests need public keys (jwks or jwks_uri)',
    ],
    [
      { ...modern, metadata: { token_endpoint_auth_signing_alg: 'ES256' } },
      'token_endpoint_auth_signing_alg is of no use without private_key_jwt',
    ],
    [
      { metadata: { request_object_signing_alg: 'RS256' as 'ES256' } },
      'request_object_signing_alg must be one of ES256, EdDSA, Ed25519, PS256',
    ],
    [
      {
        jwks: { keys: [{ kty: 'RSA', e: 'AQAB', n: Buffer.alloc(128, 1).toString('base64url') }] },
      },
      'An RSA key in jwks is shorter than 2048 bits',
    ],
    [{ metadata: { contacts: ['nobody'] } }, 'contacts must be a list of e-mail addresses'],
  ])('%o', (changes, fault) => {
    expect(faultsOf(changes)).toContain(fault);
  });
});

describe('at run time', () => {
  test('only a confidential legacy client does without a proof key', () => {
    const ask = (profile: string, authMethod: string) => needsProofKey({ profile, authMethod });
    expect(ask('legacy', 'client_secret_basic')).toBe(false);
    expect(ask('legacy', 'none')).toBe(true);
    expect(ask('oauth2.1', 'client_secret_basic')).toBe(true);
    expect(ask('fapi2', 'private_key_jwt')).toBe(true);
  });

  test('a fapi2 client is bound whatever its settings say', () => {
    const loose = { authMethod: 'private_key_jwt', metadata: {}, dpopBoundAccessTokens: false };
    expect(tokenBinding({ ...loose, profile: 'fapi2' })).toBe('dpop');
    expect(tokenBinding({ ...loose, profile: 'oauth2.1' })).toBeUndefined();
  });
});
