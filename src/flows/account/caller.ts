/**
 * Who calls the self-service API: an application, with a token that an owner let it have for
 * their account. Whatever ends that token ends it here at the next request; so does an operator
 * who takes the scopes away from the application.
 */
import type { AccountScope } from '../../domain/access/index.js';
import type { FlowParts } from '../domain.js';
import { type AccountToken, type Owner, ownerOf } from './owner.js';

/** A token as it was presented. */
export type PresentedToken = {
  readonly value: string;
  /** The proof that came with it, where it was presented as DPoP-bound (RFC 9449). */
  readonly proof?: { readonly jwt: string; readonly method: string; readonly url: string };
};

/** What a living token for the self-service API says. */
export type CallerToken = AccountToken & {
  readonly clientId: string;
  /** Those of the token that its client may still ask for. */
  readonly scopes: ReadonlySet<string>;
  /** OpenID scopes that the owner lets this client have: what it may be told of the person. */
  readonly identity: ReadonlySet<string>;
  /** The only ones that may use it in a browser. */
  readonly webOrigins: readonly string[];
};

/** Why a token is none here. */
export type CallerRefusal =
  /** Made up, expired, revoked, its session ended, or bound to a key that was not shown. */
  | { readonly kind: 'unknown' }
  /** Its proof of possession is none (RFC 9449 section 7.1). */
  | { readonly kind: 'bad-proof' }
  | { readonly kind: 'wrong-audience' }
  /** A token that outlives the log-in: signing out could not end it. */
  | { readonly kind: 'without-session' }
  /** A client's own: it has no account. */
  | { readonly kind: 'machine' };

export type FindCallerToken = (
  presented: PresentedToken,
) => Promise<{ readonly kind: 'alive'; readonly token: CallerToken } | CallerRefusal>;

/** An application, and the person for whom it asks. */
export type Caller = {
  readonly owner: Owner;
  readonly clientId: string;
  readonly webOrigins: readonly string[];
  readonly identity: ReadonlySet<string>;
  may(scope: AccountScope): boolean;
};

export type IdentifyCaller = (
  presented: PresentedToken,
) => Promise<{ readonly kind: 'caller'; readonly caller: Caller } | CallerRefusal>;

export function createIdentifyCaller(
  parts: Pick<FlowParts, 'domain'> & { readonly findToken: FindCallerToken },
): IdentifyCaller {
  return async (presented) => {
    const found = await parts.findToken(presented);
    if (found.kind !== 'alive') return found;
    const { clientId, scopes, identity, webOrigins, ...token } = found.token;
    const owner = await ownerOf(parts.domain, token, presented.value);
    if (!owner) return { kind: 'unknown' };
    const may = (scope: AccountScope) => scopes.has(scope);
    return { kind: 'caller', caller: { owner, clientId, webOrigins, identity, may } };
  };
}
