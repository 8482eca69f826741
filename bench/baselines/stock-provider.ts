/** The yardstick: oidc-provider as it comes, in memory, with static clients and one live token. */
import Provider, { type Adapter, type AdapterPayload } from 'oidc-provider';

const rows = new Map<string, AdapterPayload>();

function mapAdapter(): Adapter {
  const key = (id: string) => id;
  return {
    find: async (id) => rows.get(key(id)),
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    upsert: async (id, payload) => {
      rows.set(key(id), payload);
    },
    consume: async () => undefined,
    destroy: async (id) => {
      rows.delete(key(id));
    },
    revokeByGrantId: async () => undefined,
  };
}

const port = Number(process.argv[2]);
const issuer = `http://localhost:${port}`;
const client = (client_id: string) => ({
  client_id,
  client_secret: 'a'.repeat(43),
  redirect_uris: ['http://localhost/callback'],
  grant_types: ['authorization_code', 'client_credentials'],
});

const provider = new Provider(issuer, {
  adapter: mapAdapter,
  clients: [client('storefront'), client('orders-api')],
  cookies: { keys: ['k'.repeat(32), 'l'.repeat(32)] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
  },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  ttl: { AccessToken: 3600, Grant: 3600 },
});

const grant = new provider.Grant({ accountId: 'shopper', clientId: 'storefront' });
grant.addOIDCScope('openid');
const grantId = await grant.save();
const owner = await provider.Client.find('storefront');
if (!owner) throw new Error('no client');
const token = new provider.AccessToken({
  accountId: 'shopper',
  client: owner,
  grantId,
  gty: 'authorization_code',
  scope: 'openid',
  expiresWithSession: false,
  sessionUid: 'session',
  claims: {},
  aud: undefined as unknown as string,
} as ConstructorParameters<typeof provider.AccessToken>[0]);
const value = await token.save();

provider.listen(port, '127.0.0.1', () => {
  process.send?.({ token: value });
});
