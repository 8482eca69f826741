/**
 * A client gets a logo and colours of its own, or loses them. What had to be done to the colours
 * for people to read the pages is told to whoever chose them.
 */
import { type Administrator, mayAdminister } from '../domain/access/index.js';
import type { Actor, Origin } from '../domain/audit/index.js';
import {
  type Brand,
  type BrandDraft,
  type BrandFault,
  describeChange,
} from '../domain/clients/index.js';
import type { FlowParts } from './domain.js';
import { actorOf } from './revoke-access.js';

export type BrandClientResult =
  | {
      readonly kind: 'changed';
      /** Undefined when nothing is left of it. */
      readonly brand: Brand | undefined;
      readonly notes: readonly string[];
    }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'invalid'; readonly faults: readonly BrandFault[] };

export type BrandClient = (input: {
  /** `system` is the seed. */
  readonly administrator: Administrator | { readonly kind: 'system' };
  readonly clientId: string;
  readonly draft: BrandDraft;
  readonly origin: Origin;
}) => Promise<BrandClientResult>;

export function createBrandClient({ domain, transact }: FlowParts): BrandClient {
  return async ({ administrator, clientId, draft, origin }) => {
    if (administrator.kind !== 'system' && !mayAdminister(administrator, 'clients:write')) {
      return { kind: 'forbidden' };
    }
    const actor: Actor = administrator.kind === 'system' ? administrator : actorOf(administrator);
    const read = domain.clients.readBrand(draft);
    if (read.kind === 'bad') return { kind: 'invalid', faults: read.faults };
    return transact(async ({ clients, audit }) => {
      if (!(await clients.saveBrand(clientId, read.change))) return { kind: 'not-found' };
      const brand = await clients.findBrand(clientId);
      await audit.record({
        event: 'client_brand_changed',
        result: 'success',
        actor,
        clientId,
        origin,
        details: {
          accent: brand?.accent ?? null,
          surface: brand?.surface ?? null,
          logo: brand?.logo?.sha256 ?? null,
        },
      });
      return { kind: 'changed', brand, notes: brand?.changes.map(describeChange) ?? [] };
    });
  };
}
