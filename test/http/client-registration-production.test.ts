/** In production nobody registers clients that do without PKCE, whatever tokens there are. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPEN } from '../support/client-registration.js';
import { type Operator, openOperator } from '../support/operator.js';
import { type WireReply, wire } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';

const HOST = 'id.alder-oak.example';
const BODY = JSON.stringify({ redirect_uris: ['https://partner.example/cb'] });
let server: TestServer;
/** Commands as they run in production, and where nobody has said that it is. */
let operator: Operator;
let unaware: Operator;

beforeAll(async () => {
  const env = {
    ...OPEN,
    NODE_ENV: 'production',
    LATCHKEY_ISSUER: `https://${HOST}`,
    LATCHKEY_SEED: 'none',
    SMTP_URL: 'smtp://127.0.0.1:9',
    LATCHKEY_MAIL_FROM: 'post@alder-oak.example',
  };
  server = await startServer({ env });
  operator = openOperator(server);
  unaware = openOperator({ ...server, env: { ...server.env, NODE_ENV: '' } });
});
afterAll(async () => {
  await Promise.all([operator?.close(), unaware?.close()]);
  await server?.stop();
});

const create = (by: Operator, profile: string) =>
  by.run('registration-tokens', 'create', '--json', '--profile', profile);

async function registerWith(token: string): Promise<WireReply> {
  return wire(server.port, {
    method: 'POST',
    path: '/oauth2/register',
    headers: {
      host: HOST,
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    },
    body: BODY,
  });
}

test('no token is made for them', async () => {
  const done = await create(operator, 'legacy');
  expect([done.code, done.stderr]).toEqual([1, expect.stringContaining('profile legacy')]);
});

test('one that was made elsewhere registers nobody; one for other clients does', async () => {
  const legacy = JSON.parse((await create(unaware, 'legacy')).stdout) as { token: string };
  const refused = await registerWith(legacy.token);
  expect([refused.status, refused.json.error]).toEqual([400, 'invalid_client_metadata']);
  expect(refused.json.error_description).toContain('legacy');
  const usual = JSON.parse((await create(operator, 'oauth2.1')).stdout) as { token: string };
  expect((await registerWith(usual.token)).status).toBe(201);
});
