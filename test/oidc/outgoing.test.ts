/** What the protocol host gets to see of clients' servers. */
import { expect, test } from 'vitest';
import { hostFetch } from '../../src/oidc/outgoing.js';

const keys = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
const answering = (response: () => Response) =>
  hostFetch({
    outgoing: async () => response(),
    outgoingForStrangers: async () => {
      throw new Error('nobody asks to be registered');
    },
  });

test('keys come without what their server says of keeping them', async () => {
  const fetch = answering(
    () =>
      new Response(JSON.stringify(keys), {
        headers: {
          'content-type': 'application/json',
          'cache-control': 'max-age=31536000',
          expires: 'Fri, 01 Jan 2100 00:00:00 GMT',
        },
      }),
  );
  const response = await fetch('https://shop.example/jwks', { method: 'GET' });
  expect(Object.fromEntries(response.headers)).toEqual({ 'content-type': 'application/json' });
  expect(await response.json()).toEqual(keys);
});

test('keys that cannot be had are no answer, so the old ones get no further minute', async () => {
  const fetch = answering(() => new Response('', { status: 503 }));
  await expect(fetch('https://shop.example/jwks', { method: 'GET' })).rejects.toThrow('503');
});

test('what is no set of keys is no answer either; a list of redirect URIs is one', async () => {
  for (const body of ['', '{}', 'null', '{"keys":[]}', '{"keys":[{"kty":"EC"}]}']) {
    const fetch = answering(() => new Response(body));
    await expect(fetch('https://shop.example/jwks', { method: 'GET' })).rejects.toThrow();
  }
  const fetch = answering(() => new Response('["https://shop.example/cb"]'));
  const response = await fetch('https://shop.example/sector', { method: 'GET' });
  expect(await response.json()).toEqual(['https://shop.example/cb']);
});

test('what is posted gets whatever answer there is', async () => {
  const fetch = answering(() => new Response('', { status: 503 }));
  const sent = { method: 'POST', body: new URLSearchParams({ a: 'b' }) };
  expect((await fetch('https://shop.example/out', sent)).status).toBe(503);
});
