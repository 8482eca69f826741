/**
 * One of staff gets a token to act for a shopper who asks for help. The token and its record are
 * written together, so nobody acts without leaving word of it, for the auditor and, without names,
 * for the shopper.
 */
import { mayActForShoppers } from '../domain/access/index.js';
import type { Origin } from '../domain/audit/index.js';
import type { Artifact, ArtifactKey, Payload } from '../domain/grants/index.js';
import type { FlowParts } from './domain.js';

export type ActForShopperResult =
  | { readonly kind: 'acting' }
  | {
      readonly kind: 'refused';
      /** Who the reason lies with: staff without the permission, or no such shopper. */
      readonly cause: 'staff' | 'shopper';
    };

export type ActForShopper = (input: {
  readonly staffId: string;
  readonly shopperId: string;
  /** The help desk. */
  readonly clientId: string;
  readonly indicator: string;
  readonly scopes: readonly string[];
  /** In the words of staff; it says why, and names a ticket rather than a person. */
  readonly reason: string;
  readonly origin: Origin;
  readonly token: {
    readonly key: ArtifactKey;
    readonly payload: Payload;
    readonly ttlSeconds: number;
    /** The token of staff: what ends it ends this one. */
    readonly restsOn: Artifact['restsOn'];
  };
}) => Promise<ActForShopperResult>;

/** Stores the token, if its staff may and its shopper is one. */
export function createActForShopper({ transact }: Pick<FlowParts, 'transact'>): ActForShopper {
  return ({ staffId, shopperId, clientId, indicator, scopes, reason, origin, token }) =>
    transact(async ({ identity, access, grants, audit }) => {
      const staff = await identity.findAccount(staffId);
      const permitted =
        staff?.kind === 'staff' &&
        staff.status === 'active' &&
        mayActForShoppers(await access.rolesOf(staffId));
      // Looked up in any case: who may not act does not learn from the time who there is.
      const shopper = await identity.findAccount(shopperId);
      const there = shopper?.kind === 'shopper' && shopper.status === 'active';
      const record = {
        actor: { kind: 'account', id: staffId },
        // An id that is nobody's stays out of a record that cannot be mended.
        ...(shopper ? { subjectId: shopperId } : {}),
        clientId,
        origin,
      } as const;
      const said = { indicator, scopes: scopes.join(' '), reason };

      if (!permitted || !there) {
        const cause = permitted ? 'shopper' : 'staff';
        const details = { ...said, cause };
        await audit.record({ ...record, event: 'acting_refused', result: 'failure', details });
        return { kind: 'refused', cause };
      }
      const { key, payload, ttlSeconds, restsOn } = token;
      await grants.saveDelegated(key, payload, ttlSeconds, { restsOn });
      await audit.record({
        ...record,
        event: 'acted_for_shopper',
        result: 'success',
        details: { ...said, seconds: ttlSeconds },
      });
      return { kind: 'acting' };
    });
}
