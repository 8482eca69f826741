/** A claim of the shop's own is declared, or is no more. */
import { identityScopes } from '../domain/access/index.js';
import type { Actor } from '../domain/audit/index.js';
import type { ClaimMapping } from '../domain/claims/index.js';
import type { FlowParts } from './domain.js';

export type MapClaim = (input: {
  readonly mapping: ClaimMapping;
  readonly actor: Actor;
}) => Promise<
  { readonly kind: 'mapped' } | { readonly kind: 'invalid'; readonly faults: readonly string[] }
>;

export function createMapClaim({ transact }: FlowParts): MapClaim {
  return ({ mapping, actor }) =>
    transact(async ({ claims, access, audit }) => {
      const faults = claims.faultsOfMapping(mapping);
      const known = identityScopes.some((scope) => scope === mapping.scope);
      const servers = known ? [] : await access.listResourceServers();
      const owner = servers.find(({ scopes }) => scopes.some(({ name }) => name === mapping.scope));
      // A scope means one thing: whoever grants access to an API must not hand out a person.
      if (owner) faults.push(`The scope ${mapping.scope} is one of ${owner.indicator}`);
      if (faults.length > 0) return { kind: 'invalid', faults };
      await claims.putMapping(mapping);
      const { claim, scope, source, inAccessTokens } = mapping;
      await audit.record({
        event: 'claim_mapped',
        result: 'success',
        actor,
        details: { claim, scope, source, inAccessTokens },
      });
      return { kind: 'mapped' };
    });
}

export type UnmapClaim = (input: {
  readonly claim: string;
  readonly actor: Actor;
}) => Promise<'removed' | 'not-found'>;

export function createUnmapClaim({ transact }: FlowParts): UnmapClaim {
  return ({ claim, actor }) =>
    transact(async ({ claims, audit }) => {
      if (!(await claims.removeMapping(claim))) return 'not-found';
      await audit.record({
        event: 'claim_unmapped',
        result: 'success',
        actor,
        details: { claim },
      });
      return 'removed';
    });
}
