/** An authorization request that comes as a form (OpenID Connect Core 3.1.2.1), where that is on. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encode, type Fields, post, redemption, requestFields, walk } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_AUTHORIZATION_POST: 'on' } });
});
afterAll(() => server?.stop());

/** As another site's page sends it: without any cookie. */
const send = (fields: Fields) => post(server, '/oauth2/authorize', fields);
const locationOf = ({ headers }: { headers: Headers }) => headers.get('location') ?? '';

test('is the same as by GET, for whoever is signed in as well', async () => {
  const sent = await send(requestFields({ state: 'back & forth' }));
  expect(sent.status).toBe(303);
  expect(sent.headers.getSetCookie()).toEqual([]);
  const { browser, callback } = await walk(server, locationOf(sent));
  expect(callback.searchParams.get('state')).toBe('back & forth');

  const again = await send(requestFields({ prompt: 'none' }));
  const silent = new URL((await browser.get(locationOf(again))).location ?? '');
  const { status, json } = await post(
    server,
    '/oauth2/token',
    redemption(silent.searchParams.get('code') ?? ''),
  );
  expect([status, typeof json.id_token]).toEqual([200, 'string']);
});

test('carries every parameter, and one that is said twice twice', async () => {
  const claims = '{"userinfo":{"email":null}}';
  const fields = requestFields({ claims, resource: ['https://a.example', 'https://b.example'] });
  const { search, pathname } = new URL(locationOf(await send(fields)), server.issuer);
  expect(pathname).toBe('/oauth2/authorize');
  expect([...new URLSearchParams(search)].sort()).toEqual([...encode(fields)].sort());

  const sent = await send(requestFields({ state: ['a', 'b'] }));
  const refused = await fetch(server.issuer + locationOf(sent), { redirect: 'manual' });
  const told = new URL(locationOf(refused));
  expect(told.origin + told.pathname).toBe('http://localhost:4000/callback');
  expect(told.searchParams.get('error')).toBe('invalid_request');
});

test('leads nowhere but to the endpoint, and nobody to a place that is not registered', async () => {
  const sent = await send(requestFields({ redirect_uri: 'https://evil.example/' }));
  const { status, headers } = await fetch(server.issuer + locationOf(sent), {
    redirect: 'manual',
  });
  expect([status, headers.get('location')]).toEqual([400, null]);
  expect(locationOf(await send({}))).toBe('/oauth2/authorize');
  expect((await send(requestFields({ state: 'x'.repeat(9_000) }))).status).toBe(413);
});

test('no other site may read the answer', async () => {
  const reply = await fetch(`${server.issuer}/oauth2/authorize`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: 'http://localhost:4000' },
    body: encode(requestFields()),
  });
  const cors = [...reply.headers.keys()].filter((name) => name.startsWith('access-control-'));
  expect([reply.status, cors]).toEqual([303, []]);
});
