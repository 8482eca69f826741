/**
 * What a request says of the one token it makes from others: the host builds tokens, and asks
 * here what stands in this one and who keeps it.
 */
import type Provider from 'oidc-provider';
import type { Artifact, ArtifactKey, Payload } from '../domain/grants/index.js';

type RequestContext = NonNullable<typeof Provider.ctx>;

export type Delegated = {
  /** Claims beside the host's own, in the token or in its introspection. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The tokens it is made from: what ends one of them ends it, in whatever form it goes out. */
  readonly restsOn: Artifact['restsOn'];
  /** Stores the token instead of the adapter: with what it hangs on, and its record. */
  keep(key: ArtifactKey, payload: Payload, ttlSeconds: number): Promise<void>;
};

const delegations = new WeakMap<object, Delegated>();

/** The access token that this request is about to make is one made from others. */
export function delegate(ctx: RequestContext, delegated: Delegated): void {
  delegations.set(ctx, delegated);
}

export function delegationOf(ctx: object | undefined): Delegated | undefined {
  return ctx && delegations.get(ctx);
}
