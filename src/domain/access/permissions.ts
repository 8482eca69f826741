/**
 * Least privilege for the administration itself: which scope of the admin API an operation
 * needs, and which roles of staff carry it.
 */

/** The audience of tokens for a person's own account: the pages, and the self-service API. */
export const ACCOUNT_AUDIENCE = 'urn:latchkey:account';

export const accountScopes = {
  'account:read': 'See how you sign in, on which devices, and which applications have access',
  'account:write':
    'Change how you sign in, your password included, and end the access of devices and applications',
} as const;

export type AccountScope = keyof typeof accountScopes;

/** The audience of tokens for the admin API. */
export const ADMIN_AUDIENCE = 'urn:latchkey:admin';

export const adminScopes = {
  'users:read': 'See accounts',
  'users:write': 'Create, change and disable accounts',
  'clients:read': 'See clients and resource servers',
  'clients:write': 'Register, change and disable clients and resource servers',
  'grants:revoke': 'End sessions, grants and tokens',
  'audit:read': 'Read the audit log',
  'keys:read': 'See the signing keys',
  'keys:rotate': 'Rotate the signing keys',
  'shoppers:act-for': 'Act for a shopper who asks for help, at the shop’s APIs',
} as const;

export type AdminScope = keyof typeof adminScopes;

/** Who asks: the operator at the machine, or the bearer of a token for the admin API. */
export type Administrator =
  | { readonly kind: 'operator' }
  | { readonly kind: 'client'; readonly clientId: string; readonly scopes: ReadonlySet<string> };

/** Whether `administrator` may use an operation that needs `scope`. */
export function mayAdminister(administrator: Administrator, scope: AdminScope): boolean {
  return administrator.kind === 'operator' || administrator.scopes.has(scope);
}

export const roles = {
  support: 'Looks up shoppers, and ends their sessions when they ask for it',
  admin: 'Runs the shop: accounts, clients, keys',
} as const;

export type Role = keyof typeof roles;

/** What lets one of staff act for a shopper; the client they do it with needs it as well. */
export const ACT_FOR_SHOPPERS: AdminScope = 'shoppers:act-for';

const actingRoles: ReadonlySet<string> = new Set<Role>(['support', 'admin']);

/** Whether somebody of these roles may act for a shopper. */
export function mayActForShoppers(rolesOfStaff: readonly string[]): boolean {
  return rolesOfStaff.some((role) => actingRoles.has(role));
}

export function isRole(value: string): value is Role {
  return Object.hasOwn(roles, value);
}
