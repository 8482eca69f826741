/** The main job, from outside, with a client library nobody here wrote. */
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, introspect, logIn, obtainTokens } from '../support/shopper.js';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const revoke = async (sub: string, body: object, token: string) =>
  fetch(`${server.issuer}/admin/api/v1/users/${sub}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('a storefront logs a shopper in, an API introspects, an admin revokes', () => {
  test('the shopper gets tokens that say who she is', async () => {
    const { tokens } = await obtainTokens(server);
    const claims = tokens.claims();
    expect(tokens.refresh_token).toBeTypeOf('string');
    expect(tokens.scope).toBe('orders:read');
    expect(claims).toMatchObject({
      iss: server.issuer,
      aud: 'demo-storefront',
      email: server.demo.users.shopper?.email,
      email_verified: true,
      name: 'Robin Sterling',
      acr: 'urn:latchkey:acr:1',
      amr: ['pwd'],
    });
  });

  test('only the API the token is for learns anything about it', async () => {
    const { tokens } = await obtainTokens(server);
    const seen = await introspect(server, 'orders_api', tokens.access_token);
    expect(seen.status).toBe(200);
    expect(JSON.parse(seen.text)).toMatchObject({
      active: true,
      sub: tokens.claims()?.sub,
      scope: 'orders:read',
      aud: 'https://api.demo-shop.example/orders',
      client_id: 'demo-storefront',
      iss: server.issuer,
      token_type: 'Bearer',
    });
    const stranger = await introspect(server, 'catalog_api', tokens.access_token);
    expect(stranger.text).toBe('{"active":false}');
    const refresh = await introspect(server, 'orders_api', tokens.refresh_token ?? '');
    expect(refresh.text).toBe('{"active":false}');
  });

  test('after the admin call the token, the refresh token and the session are dead', async () => {
    const { tokens, browser, client } = await obtainTokens(server);
    const sub = tokens.claims()?.sub ?? '';
    const answer = await revoke(
      sub,
      { what: ['sessions', 'tokens'], reason: 'lost phone' },
      await adminToken(server),
    );
    expect(answer.status).toBe(200);
    const { revoked } = (await answer.json()) as { revoked: Record<string, number> };
    expect(revoked.sessions).toBeGreaterThanOrEqual(1);
    expect(revoked.tokens).toBeGreaterThanOrEqual(2);

    expect((await introspect(server, 'orders_api', tokens.access_token)).text).toBe(
      '{"active":false}',
    );
    await expect(
      oidc.refreshTokenGrant(client.config, tokens.refresh_token ?? ''),
    ).rejects.toMatchObject({ error: 'invalid_grant' });

    const silent = await logIn(server, { browser, client, parameters: { prompt: 'none' } });
    expect(silent.callback.searchParams.get('error')).toBe('login_required');
    // Repeating it is harmless, and logging in again works at once.
    await revoke(sub, { what: ['sessions', 'tokens'], reason: 'again' }, await adminToken(server));
    const again = await obtainTokens(server, { browser, client });
    expect(
      JSON.parse((await introspect(server, 'orders_api', again.tokens.access_token)).text),
    ).toMatchObject({ active: true, sub });
  });

  test('a refreshed token works, and the old refresh token does not', async () => {
    const { tokens, client } = await obtainTokens(server);
    const next = await oidc.refreshTokenGrant(client.config, tokens.refresh_token ?? '', {
      resource: server.demo.resources.orders?.indicator ?? '',
    });
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    expect(
      JSON.parse((await introspect(server, 'orders_api', next.access_token)).text).active,
    ).toBe(true);
  });

  test('a machine gets a token for the admin API that cannot do more than it was granted', async () => {
    const token = await adminToken(server, 'users:read');
    const refused = await revoke(
      '00000000-0000-4000-8000-000000000000',
      { what: ['tokens'], reason: 'x' },
      token,
    );
    expect(refused.status).toBe(403);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
  });
});
