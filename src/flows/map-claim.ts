/** A claim of the shop's own is declared, or is no more. */
import { isIdentityScope } from '../domain/access/index.js';
import type { Actor } from '../domain/audit/index.js';
import type { ClaimMapping } from '../domain/claims/index.js';
import type { Domain, FlowParts } from './domain.js';

/**
 * A scope of the shop's own whose last claim has gone. Its clients go on without it, and have it
 * again once a claim comes with it again.
 */
export type LostScope = { readonly scope: string; readonly clientIds: readonly string[] };

export type MapClaim = (input: {
  readonly mapping: ClaimMapping;
  readonly actor: Actor;
}) => Promise<
  /** `lost` is what the claim came with before. */
  | { readonly kind: 'mapped'; readonly lost: LostScope | undefined }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] }
>;

export function createMapClaim({ transact }: FlowParts): MapClaim {
  return ({ mapping, actor }) =>
    transact(async (domain) => {
      const { claims, access, audit } = domain;
      const faults = claims.faultsOfMapping(mapping);
      await access.lockScopeNames();
      const servers = isIdentityScope(mapping.scope) ? [] : await access.listResourceServers();
      const owner = servers.find(({ scopes }) => scopes.some(({ name }) => name === mapping.scope));
      // A scope means one thing: whoever grants access to an API must not hand out a person.
      if (owner) faults.push(`The scope ${mapping.scope} is one of ${owner.indicator}`);
      if (faults.length > 0) return { kind: 'invalid', faults };
      const before = await mappingOf(domain, mapping.claim);
      await claims.putMapping(mapping);
      const { claim, scope, source, inAccessTokens } = mapping;
      await audit.record({
        event: 'claim_mapped',
        result: 'success',
        actor,
        details: { claim, scope, source, inAccessTokens },
      });
      return { kind: 'mapped', lost: before && (await lostWith(domain, before)) };
    });
}

export type UnmapClaim = (input: {
  readonly claim: string;
  readonly actor: Actor;
}) => Promise<
  | { readonly kind: 'removed'; readonly lost: LostScope | undefined }
  | { readonly kind: 'not-found' }
>;

export function createUnmapClaim({ transact }: FlowParts): UnmapClaim {
  return ({ claim, actor }) =>
    transact(async (domain) => {
      const before = await mappingOf(domain, claim);
      if (!before || !(await domain.claims.removeMapping(claim))) return { kind: 'not-found' };
      await domain.audit.record({
        event: 'claim_unmapped',
        result: 'success',
        actor,
        details: { claim },
      });
      return { kind: 'removed', lost: await lostWith(domain, before) };
    });
}

async function mappingOf({ claims }: Domain, name: string): Promise<ClaimMapping | undefined> {
  return (await claims.listMappings()).find(({ claim }) => claim === name);
}

/** Whether the scope that a claim came with has gone, and whom that concerns. */
async function lostWith(
  { claims, clients }: Domain,
  { scope }: ClaimMapping,
): Promise<LostScope | undefined> {
  if (isIdentityScope(scope)) return undefined;
  if ((await claims.listMappings()).some((mapping) => mapping.scope === scope)) return undefined;
  return { scope, clientIds: await clients.listByIdentityScope(scope) };
}
