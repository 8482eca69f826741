/** Signing keys from outside: every algorithm verifies against the JWKS, and nothing private shows. */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signingAlgs } from '../../src/kernel/signing-algs.js';
import { freshCode, post, redemption, register } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
}, 60_000);
afterAll(() => server.stop());

const discovery = async () =>
  (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<
    string,
    unknown
  >;
const published = async () => {
  const answer = await fetch(`${server.issuer}/oauth2/jwks`);
  return ((await answer.json()) as { keys: Record<string, unknown>[] }).keys;
};

describe('algorithms', () => {
  test('discovery offers exactly those that have a key', async () => {
    const { id_token_signing_alg_values_supported: offered } = await discovery();
    expect([offered].flat().sort()).toEqual([...signingAlgs].sort());
    expect((await published()).map(({ alg }) => alg).sort()).toEqual([...signingAlgs].sort());
  });

  test.each(signingAlgs)(
    'a client that asked for %s verifies its ID token with it',
    async (alg) => {
      const client_id = `shop-${alg.toLowerCase()}`;
      await register(server, client_id, [
        ...['--first-party', '--auth', 'none', '--scope', 'openid', '--id-token-alg', alg],
        ...['--redirect-uri', 'http://localhost:4000/callback'],
      ]);
      const { code } = await freshCode(server, { client_id });
      const { json } = await post(server, '/oauth2/token', redemption(code, { client_id }));
      const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
      const { protectedHeader } = await jwtVerify(String(json.id_token), jwks, {
        algorithms: [alg],
        issuer: server.issuer,
        audience: client_id,
      });
      const [key, ...more] = (await published()).filter((each) => each.alg === alg);
      expect(more).toEqual([]);
      expect(protectedHeader).toMatchObject({ alg, kid: key?.kid });
    },
  );
});

test('the JWKS holds nothing private, and may be kept five minutes', async () => {
  const answer = await fetch(`${server.issuer}/oauth2/jwks`);
  expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
  const keys = await published();
  expect(keys).toHaveLength(signingAlgs.length);
  for (const key of keys) {
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
      expect(key).not.toHaveProperty(name);
    }
  }
});
