/** An operator makes and revokes the initial access tokens with which clients register themselves. */
import { ACCOUNT_AUDIENCE, ADMIN_AUDIENCE } from '../../domain/access/index.js';
import type { Actor } from '../../domain/audit/index.js';
import {
  type Allowance,
  DEFAULT_TOKEN_SECONDS,
  MAX_TOKEN_SECONDS,
} from '../../domain/client-registrations/index.js';
import { grantTypes, profiles } from '../../domain/clients/index.js';
import type { FlowParts } from '../domain.js';
import { rightsFaults } from '../register-client.js';

export type IssueRegistrationTokenResult =
  | {
      readonly kind: 'issued';
      readonly id: string;
      readonly token: string;
      readonly expiresAt: Date;
    }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

export type IssueRegistrationToken = (input: {
  readonly name: string;
  readonly allowance: Partial<Allowance>;
  readonly seconds?: number | undefined;
  readonly maxClients?: number | undefined;
  readonly actor: Actor;
}) => Promise<IssueRegistrationTokenResult>;

export type RevokeRegistrationToken = (input: {
  readonly id: string;
  readonly actor: Actor;
}) => Promise<'revoked' | 'not-found'>;

/** What a client may be when nobody said more. */
const DEFAULTS: Allowance = {
  identityScopes: ['openid', 'profile', 'email', 'offline_access'],
  apiScopes: {},
  grantTypes: ['authorization_code', 'refresh_token'],
  profile: 'oauth2.1',
};
const NO_LEGACY =
  'In production there are no tokens for the profile legacy, which does without PKCE: register such a client by name (clients create --profile legacy)';
/** A stranger's client never gets near the administration or somebody's own account. */
const CLOSED = new Set<string>([ADMIN_AUDIENCE, ACCOUNT_AUDIENCE]);

/**
 * Whether clients of this profile may register themselves. `legacy` does without PKCE, from which
 * an operator exempts single clients that are known (RFC 9700 section 2.1.1); whole lots of
 * strangers only where nobody shops: for conformance tests.
 */
export const isProfileForAll = (profile: string, production: boolean): boolean =>
  !(production && profile === 'legacy');

export function createIssueRegistrationToken({
  transact,
  production,
}: FlowParts & { readonly production: boolean }): IssueRegistrationToken {
  return ({ name, seconds = DEFAULT_TOKEN_SECONDS, maxClients, actor, ...input }) =>
    transact(async ({ access, claims, clientRegistrations, audit }) => {
      const allowance = { ...DEFAULTS, ...input.allowance };
      const servers = await access.listResourceServers();
      const rights = {
        client: {
          id: '-',
          name,
          authMethod: 'none' as const,
          grantTypes: [],
          identityScopes: allowance.identityScopes,
        },
        grants: allowance.apiScopes,
        audiences: [],
      };
      const byIndicator = new Map(servers.map((server) => [server.indicator, server]));
      const faults = [
        ...ownFaults(name, allowance, seconds, maxClients),
        ...(isProfileForAll(allowance.profile, production) ? [] : [NO_LEGACY]),
        ...rightsFaults(rights, byIndicator, await claims.listMappings()),
      ];
      if (faults.length > 0) return { kind: 'invalid', faults };
      const made = await clientRegistrations.createRegistrationToken({
        name,
        allowance,
        seconds,
        maxClients,
      });
      await audit.record({
        event: 'registration_token_created',
        result: 'success',
        actor,
        details: { tokenId: made.id, name, allowance: JSON.stringify(allowance) },
      });
      return { kind: 'issued', ...made };
    });
}

export function createRevokeRegistrationToken({ transact }: FlowParts): RevokeRegistrationToken {
  return ({ id, actor }) =>
    transact(async ({ clientRegistrations, audit }) => {
      if (!(await clientRegistrations.revokeRegistrationToken(id))) return 'not-found';
      await audit.record({
        event: 'registration_token_revoked',
        result: 'success',
        actor,
        details: { tokenId: id },
      });
      return 'revoked';
    });
}

function ownFaults(
  name: string,
  allowance: Allowance,
  seconds: number,
  maxClients: number | undefined,
): string[] {
  const faults: string[] = [];
  if (name.length > 100 || /\p{Cc}/u.test(name)) {
    faults.push('The name must be up to 100 printable characters');
  }
  if (!Number.isInteger(seconds) || seconds < 60 || seconds > MAX_TOKEN_SECONDS) {
    faults.push('A token lives from a minute to a year');
  }
  if (maxClients !== undefined && (!Number.isInteger(maxClients) || maxClients < 1)) {
    faults.push('The most clients must be a whole number from 1');
  }
  for (const grant of allowance.grantTypes) {
    if (!(grantTypes as readonly string[]).includes(grant)) {
      faults.push(`${grant} is not a grant type: ${grantTypes.join(', ')}`);
    }
  }
  if (!(profiles as readonly string[]).includes(allowance.profile)) {
    faults.push(`The profile must be one of ${profiles.join(', ')}`);
  }
  for (const indicator of Object.keys(allowance.apiScopes)) {
    if (CLOSED.has(indicator))
      faults.push(`${indicator} is not for clients that register themselves`);
  }
  return faults;
}
