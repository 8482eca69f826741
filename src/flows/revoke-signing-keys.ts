/**
 * A signing key has leaked, or may have: it is out at once, on every node.
 *
 * Whoever holds it can forge what it signs: JWT access tokens for every API, ID tokens, signed
 * answers and logout tokens. All of that dies with the key's place in the JWKS. What is not
 * signed cannot be forged with it, so opaque tokens, refresh tokens, grants and sessions stay,
 * and a client whose JWT an API now refuses fetches another one. If more than a key has leaked,
 * `users revoke` and the client's status end those.
 */
import { type Administrator, mayAdminister } from '../domain/access/index.js';
import type { Origin } from '../domain/audit/index.js';
import { signingAlgs } from '../kernel/signing-algs.js';
import type { FlowParts } from './domain.js';
import { actorOf } from './revoke-access.js';
import { generateKeys } from './rotate-signing-keys.js';

export type RevokeSigningKeysResult =
  | {
      readonly kind: 'revoked';
      /** Out now, and not before: empty where somebody else was faster. */
      readonly revoked: readonly string[];
      /** Made in their place. */
      readonly added: readonly string[];
    }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'forbidden' };

export type RevokeSigningKeys = (input: {
  readonly administrator: Administrator;
  /** One key; all that are published, if none is named. */
  readonly kid?: string | undefined;
  readonly reason: string;
  readonly origin?: Origin;
}) => Promise<RevokeSigningKeysResult>;

export function createRevokeSigningKeys({ domain, transact }: FlowParts): RevokeSigningKeys {
  return async ({ administrator, kid, reason, origin }) => {
    if (!mayAdminister(administrator, 'keys:rotate')) return { kind: 'forbidden' };
    // Those there are now: two who call at the same moment mean the same keys, and the second
    // must not take out what the first has just put in.
    const named = (await domain.keys.list()).filter(
      (key) => key.state !== 'revoked' && (kid === undefined || key.kid === kid),
    );
    if (named.length === 0) return { kind: 'not-found' };
    const spares = await generateKeys(
      signingAlgs.filter((alg) => named.some((key) => key.alg === alg)),
    );
    return transact(async ({ keys, audit }) => {
      await keys.lock();
      const { revoked, added } = await keys.revoke(
        named.map((key) => key.kid),
        spares,
      );
      if (revoked.length > 0) {
        await audit.record({
          event: 'signing_keys_revoked',
          result: 'success',
          actor: actorOf(administrator),
          ...(origin ? { origin } : {}),
          details: { revoked: revoked.join(' '), added: added.join(' '), reason },
        });
      }
      return { kind: 'revoked', revoked, added };
    });
  };
}
