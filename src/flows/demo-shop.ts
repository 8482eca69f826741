/**
 * What the demo shop consists of, as data: the same names and addresses everywhere, the secrets
 * made by the seed. `demoFile` is what `demo.json` holds.
 */
import {
  ACCOUNT_AUDIENCE,
  ACT_FOR_SHOPPERS,
  ADMIN_AUDIENCE,
  accountScopes,
  adminScopes,
  type ResourceServerDraft,
} from '../domain/access/index.js';
import type { BrandDraft } from '../domain/clients/index.js';
import type { CreateAccount } from './create-account.js';
import { demoBrand } from './demo-brand.js';
import type { ClientRegistration } from './register-client.js';

const ORDERS = 'https://api.demo-shop.example/orders';
const CATALOG = 'https://api.demo-shop.example/catalog';
const IDENTITY = ['openid', 'profile', 'email', 'offline_access'] as const;

/** Secrets by client id, passwords by the person's key in `demo.json`. */
export type DemoSecrets = {
  readonly clientSecrets: Readonly<Record<string, string>>;
  readonly passwords: Readonly<Record<string, string>>;
  /** Base32; missing in databases that were seeded before there were second factors. */
  readonly totpSecrets?: Readonly<Record<string, string>>;
};

export const demoResources: readonly ResourceServerDraft[] = [
  {
    indicator: ORDERS,
    name: 'Orders',
    format: 'opaque',
    scopes: [
      { name: 'orders:read', description: 'See your orders' },
      { name: 'orders:write', description: 'Place and change orders for you' },
      { name: 'cart:write', description: 'Put things into your cart' },
    ],
  },
  {
    indicator: CATALOG,
    name: 'Catalog',
    format: 'jwt',
    scopes: [
      { name: 'catalog:read', description: 'See what the shop offers to you' },
      { name: 'catalog:write', description: 'Change what the shop offers' },
    ],
  },
];

const shopperGrants = { [ORDERS]: ['orders:read', 'cart:write'], [CATALOG]: ['catalog:read'] };

export const demoClients: readonly ClientRegistration[] = [
  {
    client: {
      id: 'demo-storefront',
      name: 'Alder & Oak',
      authMethod: 'none',
      firstParty: true,
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: ['http://localhost:4000/callback'],
      postLogoutRedirectUris: ['http://localhost:4000/'],
      selfRegistration: true,
      emailCode: true,
      webOrigins: ['http://localhost:4000'],
      identityScopes: IDENTITY,
      metadata: { backchannel_logout_uri: 'http://localhost:4000/backchannel-logout' },
    },
    // For account pages of its own; a log-in that does not ask for them does not bring them.
    grants: { ...shopperGrants, [ACCOUNT_AUDIENCE]: Object.keys(accountScopes) },
    audiences: [],
  },
  {
    client: {
      id: 'demo-storefront-bff',
      name: 'Alder & Oak',
      authMethod: 'client_secret_basic',
      firstParty: true,
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: ['http://localhost:4001/callback'],
      postLogoutRedirectUris: ['http://localhost:4001/'],
      selfRegistration: true,
      emailCode: true,
      identityScopes: IDENTITY,
    },
    grants: shopperGrants,
    audiences: [],
  },
  {
    client: {
      id: 'demo-orders-api',
      name: 'Orders API',
      authMethod: 'client_secret_basic',
      firstParty: true,
      // It asks the catalog on behalf of whoever asks it (RFC 8693).
      grantTypes: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    },
    grants: { [CATALOG]: ['catalog:read'] },
    audiences: [ORDERS],
  },
  {
    client: {
      id: 'demo-catalog-api',
      name: 'Catalog API',
      authMethod: 'client_secret_basic',
      firstParty: true,
      grantTypes: [],
    },
    grants: {},
    audiences: [CATALOG],
  },
  {
    client: {
      id: 'demo-automation',
      name: 'Shop automation',
      authMethod: 'client_secret_basic',
      firstParty: true,
      grantTypes: ['client_credentials'],
    },
    grants: {
      [ORDERS]: ['orders:read'],
      [CATALOG]: ['catalog:read'],
      [ADMIN_AUDIENCE]: [
        'users:read',
        'users:write',
        'clients:read',
        'grants:revoke',
        'audit:read',
      ],
    },
    audiences: [],
  },
  {
    client: {
      id: 'demo-pos-terminal',
      name: 'Till at Alder & Oak',
      authMethod: 'none',
      firstParty: true,
      applicationType: 'native',
      grantTypes: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      identityScopes: IDENTITY,
    },
    grants: { [ORDERS]: ['orders:read', 'cart:write'] },
    audiences: [],
  },
  {
    client: {
      id: 'demo-telephone-desk',
      name: 'Telephone desk at Alder & Oak',
      authMethod: 'client_secret_basic',
      firstParty: true,
      grantTypes: ['urn:openid:params:grant-type:ciba', 'refresh_token'],
      identityScopes: IDENTITY,
    },
    grants: { [ORDERS]: ['orders:read', 'orders:write', 'cart:write'] },
    audiences: [],
  },
  {
    client: {
      id: 'demo-support-desk',
      name: 'Support desk',
      authMethod: 'client_secret_basic',
      firstParty: true,
      grantTypes: ['authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      redirectUris: ['http://localhost:4002/callback'],
      postLogoutRedirectUris: ['http://localhost:4002/'],
      identityScopes: ['openid', 'profile'],
    },
    // What staff may do there for a shopper, and the permission that they need themselves.
    grants: { [ORDERS]: ['orders:read', 'cart:write'], [ADMIN_AUDIENCE]: [ACT_FOR_SHOPPERS] },
    audiences: [],
  },
  {
    client: {
      id: 'latchkey-console',
      name: 'Latchkey console',
      authMethod: 'none',
      firstParty: true,
      grantTypes: ['authorization_code'],
      redirectUris: ['http://localhost:3000/admin/callback'],
      identityScopes: ['openid', 'profile', 'email'],
    },
    grants: { [ADMIN_AUDIENCE]: Object.keys(adminScopes) },
    audiences: [],
  },
];

/** The storefronts of the shop look like it; its machines show no pages. */
export const demoBrands: Readonly<Record<string, BrandDraft>> = {
  'demo-storefront': demoBrand,
  'demo-storefront-bff': demoBrand,
};

type DemoPerson = Omit<Parameters<CreateAccount>[0], 'password' | 'actor'>;

export const demoPeople: Readonly<Record<string, DemoPerson>> = {
  shopper: {
    accountKind: 'shopper',
    email: 'robin.sterling@demo-shop.example',
    emailVerified: true,
    profile: { name: 'Robin Sterling', givenName: 'Robin', familyName: 'Sterling' },
    roles: [],
  },
  shopper_mfa: {
    accountKind: 'shopper',
    email: 'noor.vandenberg@demo-shop.example',
    emailVerified: true,
    profile: { name: 'Noor van den Berg', givenName: 'Noor', familyName: 'van den Berg' },
    withTotp: true,
    roles: [],
  },
  support: {
    accountKind: 'staff',
    email: 'sam.okafor@demo-shop.example',
    emailVerified: true,
    profile: { name: 'Sam Okafor', givenName: 'Sam', familyName: 'Okafor' },
    withTotp: true,
    roles: ['support'],
  },
  admin: {
    accountKind: 'staff',
    email: 'ines.moreau@demo-shop.example',
    emailVerified: true,
    profile: { name: 'Inês Moreau', givenName: 'Inês', familyName: 'Moreau' },
    withTotp: true,
    roles: ['admin'],
  },
};

const clientKeys = {
  storefront: 'demo-storefront',
  storefront_bff: 'demo-storefront-bff',
  orders_api: 'demo-orders-api',
  catalog_api: 'demo-catalog-api',
  automation: 'demo-automation',
  device: 'demo-pos-terminal',
  telephone_desk: 'demo-telephone-desk',
  support_desk: 'demo-support-desk',
} as const;

/** The content of `demo.json` for the server that now runs as `issuer`. */
export function demoFile(issuer: string, secrets: DemoSecrets): object {
  const clients = Object.entries(clientKeys).map(([key, id]) => {
    const registration = demoClients.find(({ client }) => client.id === id);
    const scopes = [
      ...(registration?.client.identityScopes ?? []),
      ...Object.entries(registration?.grants ?? {})
        // What a shop asks for at an ordinary log-in. Nobody hands that the keys to the account.
        .flatMap(([indicator, names]) => (indicator === ACCOUNT_AUDIENCE ? [] : names)),
    ];
    const secret = secrets.clientSecrets[id];
    return [
      key,
      {
        client_id: id,
        ...(secret ? { client_secret: secret } : {}),
        ...(registration?.client.redirectUris
          ? { redirect_uris: registration.client.redirectUris }
          : {}),
        token_endpoint_auth_method: registration?.client.authMethod,
        ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
      },
    ];
  });
  const resource = ({ indicator, scopes, format }: ResourceServerDraft) => ({
    indicator,
    scopes: scopes.map((scope) => scope.name),
    format,
  });
  const [orders, catalog] = demoResources;
  return {
    issuer,
    clients: Object.fromEntries(clients),
    resources: {
      ...(orders ? { orders: resource(orders) } : {}),
      ...(catalog ? { catalog: resource(catalog) } : {}),
      account: {
        indicator: ACCOUNT_AUDIENCE,
        scopes: Object.keys(accountScopes),
        format: 'opaque',
      },
      admin: { indicator: ADMIN_AUDIENCE, scopes: Object.keys(adminScopes), format: 'opaque' },
    },
    users: Object.fromEntries(
      Object.entries(demoPeople).map(([key, person]) => [
        key,
        {
          email: person.email,
          password: secrets.passwords[key],
          ...(secrets.totpSecrets?.[key] ? { totp_secret: secrets.totpSecrets[key] } : {}),
          ...(person.roles.length > 0 ? { roles: person.roles } : {}),
        },
      ]),
    ),
  };
}
