/**
 * JWT access tokens (RFC 9068) that are shown to us again, by a gateway. They are stored nowhere,
 * so they carry what they hang on: the grant and the session, or the tokens that one was made
 * from; sealed, so that neither an API nor two clients that compare their tokens learn of it.
 * With that, what ends an opaque token ends a JWT at the gateway as well; an API that only looks
 * at the signature waits for it to expire.
 */
import { createLocalJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type Provider from 'oidc-provider';
import type { Configuration } from 'oidc-provider';
import type { Artifact, Grants } from '../domain/grants/index.js';
import type { PrivateJwk } from '../domain/keys/index.js';
import type { Keyring } from '../kernel/keyring.js';
import { signingAlgs } from '../kernel/signing-algs.js';
import { factsOf } from './clients.js';
import { delegationOf } from './delegation.js';
import { guarded } from './errors.js';
import { findGrantOf } from './living-tokens.js';

const CLAIM = 'latchkey_ref';
const PURPOSE = 'token-reference';

type Hold =
  | { readonly grant: string; readonly session?: string }
  /** Digests of the tokens it was made from (RFC 8693): each brings its grant and session along. */
  | { readonly restsOn: readonly string[] };
type Customizer = NonNullable<
  NonNullable<NonNullable<Configuration['formats']>['customizers']>['jwt']
>;

/** Writes into each JWT of somebody what it hangs on. A machine's hangs on its client alone. */
export function referToGrant(keyring: Pick<Keyring, 'seal'>): Customizer {
  return (ctx, token, { payload }) => {
    const hold = holdOf(ctx, token);
    if (!hold) return;
    // Bound to this very token, so that it cannot be of use in another.
    const box = keyring.seal(PURPOSE, JSON.stringify(hold), String(payload.jti));
    Object.assign(payload, { [CLAIM]: Buffer.from(box).toString('base64url') });
  };
}

function holdOf(ctx: object | undefined, token: object): Hold | undefined {
  const { grantId, sessionUid, expiresWithSession } = token as {
    readonly grantId?: string;
    readonly sessionUid?: string;
    readonly expiresWithSession?: boolean;
  };
  if (grantId) {
    return {
      grant: grantId,
      ...(expiresWithSession && sessionUid ? { session: sessionUid } : {}),
    };
  }
  const delegated = delegationOf(ctx);
  if (!delegated) return undefined;
  return { restsOn: delegated.restsOn.map((hash) => Buffer.from(hash).toString('base64url')) };
}

const keySets = new WeakMap<Provider, JWTVerifyGetKey>();

/** Remembers the keys that a provider signs with, and has signed with lately. */
export function knowKeys(provider: Provider, keys: readonly PrivateJwk[]): void {
  const publics = keys.map(({ kty, crv, x, y, n, e, kid, alg, use }) =>
    Object.fromEntries(
      Object.entries({ kty, crv, x, y, n, e, kid, alg, use }).filter(([, value]) => value),
    ),
  );
  keySets.set(provider, createLocalJWKSet({ keys: publics as never }));
}

export type SignedTokenParts = {
  readonly keyring: Pick<Keyring, 'open'>;
  readonly grants: Pick<Grants, 'allCount'>;
};

/** The claims of a JWT access token that lives; undefined for all else that looks like one. */
export async function readSignedToken(
  provider: Provider,
  { keyring, grants }: SignedTokenParts,
  value: string,
): Promise<(JWTPayload & { readonly client_id: string }) | undefined> {
  const keys = keySets.get(provider);
  if (!keys) throw new Error('This provider was not built with keys of ours');
  const verified = await jwtVerify(value, keys, {
    issuer: provider.issuer,
    // An ID token is signed with the same keys and is no access token (RFC 9068 section 4).
    typ: 'at+jwt',
    algorithms: [...signingAlgs],
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'aud', 'client_id'],
  }).catch(() => undefined);
  const claims = verified?.payload as (JWTPayload & { client_id: string }) | undefined;
  if (!claims) return undefined;
  const { client_id: clientId, iat = 0 } = claims;
  const client = await guarded(() => provider.Client.find(clientId));
  if (!client || iat <= factsOf(client).client.securityEpoch) return undefined;
  const sealed = claims[CLAIM];
  // Only a client's own token hangs on nothing else.
  if (sealed === undefined) return claims.sub === clientId ? claims : undefined;
  const hold = openHold(keyring, sealed, String(claims.jti));
  if (!hold) return undefined;
  const held =
    'restsOn' in hold
      ? await guarded(() => grants.allCount(hashesOf(hold)))
      : await isHeld(provider, hold, clientId);
  return held ? claims : undefined;
}

/** By these it is judged as an opaque token made from them is: all of them count, now. */
function hashesOf({ restsOn }: { readonly restsOn: readonly string[] }): Artifact['restsOn'] {
  return restsOn.map((hash) => new Uint8Array(Buffer.from(hash, 'base64url')));
}

function openHold(keyring: Pick<Keyring, 'open'>, sealed: unknown, jti: string): Hold | undefined {
  try {
    const box = Buffer.from(String(sealed), 'base64url');
    return JSON.parse(keyring.open(PURPOSE, box, jti).toString('utf8')) as Hold;
  } catch {
    // Sealed under a key that has left the ring since: it cannot be judged, so it is none.
    return undefined;
  }
}

/** The conditions of an opaque token: its grant lives, and the session it was issued in. */
async function isHeld(
  provider: Provider,
  hold: { readonly grant: string; readonly session?: string },
  clientId: string,
): Promise<boolean> {
  const grant = await guarded(() => provider.Grant.find(hold.grant));
  const footing = { accountId: grant?.accountId, grantId: hold.grant, clientId };
  if (!grant || !(await findGrantOf(provider, footing))) return false;
  const uid = hold.session;
  if (uid === undefined) return true;
  const session = await guarded(() => provider.Session.findByUid(uid));
  return session?.accountId === grant.accountId && session?.grantIdFor(clientId) === hold.grant;
}
