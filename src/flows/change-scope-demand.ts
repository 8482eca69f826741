/**
 * An operator says how strong and how fresh the log-in behind a scope has to be (RFC 9470). The
 * next authorization request is held to it; tokens that are out already stay what they are.
 */
import type { ScopeDemand } from '../domain/access/index.js';
import type { Actor } from '../domain/audit/index.js';
import { ACR_VALUES } from '../domain/signin/index.js';
import type { FlowParts } from './domain.js';

export type ChangeScopeDemandResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'unknown-resource-server' }
  | { readonly kind: 'unknown-scope'; readonly scopes: readonly string[] }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

export type ChangeScopeDemand = (input: {
  readonly indicator: string;
  readonly scope: string;
  /** All of it: what is null is asked for no longer. */
  readonly demand: ScopeDemand;
  readonly actor: Actor;
}) => Promise<ChangeScopeDemandResult>;

/** What a log-in can be here. A scope that asks for more would be out of everybody's reach. */
export const DEMANDABLE_ACRS: readonly string[] = ACR_VALUES;
/** No shopper's session is older than thirty days, so a longer age would ask for nothing. */
export const LONGEST_DEMANDED_AGE = 30 * 24 * 3600;

export function createChangeScopeDemand({ transact }: FlowParts): ChangeScopeDemand {
  return async ({ indicator, scope, demand, actor }) => {
    const faults = demandFaults(scope, demand);
    if (faults.length > 0) return { kind: 'invalid', faults };
    return transact(async ({ access, audit }) => {
      const server = await access.findResourceServer(indicator);
      if (!server) return { kind: 'unknown-resource-server' };
      if (!(await access.setDemand(indicator, scope, demand))) {
        return { kind: 'unknown-scope', scopes: server.scopes.map(({ name }) => name) };
      }
      await audit.record({
        event: 'scope_demand_changed',
        result: 'success',
        actor,
        details: { indicator, scope, ...demand },
      });
      return { kind: 'changed' };
    });
  };
}

/** Why nobody could mean this demand, one sentence a fault; empty when it is good. */
export function demandFaults(scope: string, demand: Partial<ScopeDemand>): string[] {
  const { requiredAcr = null, maxAgeSeconds = null } = demand;
  const faults: string[] = [];
  if (requiredAcr !== null && !DEMANDABLE_ACRS.includes(requiredAcr)) {
    faults.push(
      `The acr of "${scope}" must be ${DEMANDABLE_ACRS.join(' or ')}, not "${requiredAcr}"`,
    );
  }
  const isAge = (age: number) => Number.isInteger(age) && age >= 1 && age <= LONGEST_DEMANDED_AGE;
  if (maxAgeSeconds !== null && !isAge(maxAgeSeconds)) {
    faults.push(`The greatest age of "${scope}" must be 1 to ${LONGEST_DEMANDED_AGE} seconds`);
  }
  return faults;
}
