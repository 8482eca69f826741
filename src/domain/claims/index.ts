/**
 * Claims of a shop's own: which of what it knows about a person goes into tokens, under which
 * name and for which scope. Declared, never programmed.
 *
 * Promises: a mapping never speaks for the protocol's own claims, and puts no personal data into
 * access tokens.
 */
import type { Db } from '../../platform/postgres.js';
import { type ClaimMapping, mappingFaults } from './mapping.js';
import { claimsStore } from './store.js';

export { type ClaimMapping, type ClaimSource, type ClaimSubject, claimValue } from './mapping.js';

export type ClaimMappings = ReturnType<typeof createClaimMappings>;

export function createClaimMappings({ db }: { db: Db }) {
  const store = claimsStore(db);
  return {
    /** Every mapping, by the name of its claim. */
    listMappings: (): Promise<ClaimMapping[]> => store.list(),

    /** Why this mapping may not be, one sentence a fault; empty when it may. */
    faultsOfMapping: (mapping: ClaimMapping): string[] => mappingFaults(mapping),

    /** Declares a claim, or declares it anew. */
    putMapping: (mapping: ClaimMapping): Promise<void> => store.put(mapping),

    /** False if no such claim was declared. */
    removeMapping: (claim: string): Promise<boolean> => store.remove(claim),
  };
}
