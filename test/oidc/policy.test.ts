/** What the host asks for when an account goes while its request is under way. */
import type { KoaContextWithOIDC } from 'oidc-provider';
import { expect, test } from 'vitest';
import type { Directory } from '../../src/oidc/directory.js';
import { createInteractionPolicy } from '../../src/oidc/policy.js';

const login = createInteractionPolicy({} as Directory).get('login');
const asks = (oidc: object) => {
  const check = login?.checks.get('account');
  if (!check) throw new Error('there is no such check');
  return check.check({ oidc } as unknown as KoaContextWithOIDC);
};

test('a session whose account was closed a moment ago leads to the log-in, and to no fault', () => {
  expect(asks({ session: { accountId: 'a' }, account: undefined })).toBe(true);
  expect(asks({ session: { accountId: 'a' }, account: { accountId: 'a' } })).toBe(false);
  expect(asks({ session: {}, account: undefined })).toBe(false);
});
