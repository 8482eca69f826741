/**
 * Whether the tokens that come with an exchange may be used for it, judged as introspection
 * judges them: the same look-up, the same binding to the browser's session.
 */

import type Provider from 'oidc-provider';
import type { TokenEndpointGrantContext } from 'oidc-provider';
import { ACCOUNT_AUDIENCE, ACT_FOR_SHOPPERS, ADMIN_AUDIENCE } from '../domain/access/index.js';
import type { Artifact, Grants } from '../domain/grants/index.js';
import { type Clock, epochSeconds } from '../kernel/clock.js';
import { factsOf } from './clients.js';
import { guarded } from './errors.js';

export type HostToken = InstanceType<Provider['AccessToken']>;

/** A living access token, and what is known of it beside what the host says. */
export type Presented = {
  readonly token: HostToken;
  readonly artifact: Artifact;
  readonly audience: string;
  /** Seconds that are left of it. */
  readonly remaining: number;
  readonly login: Login;
  /** Who uses it for its subject, the last one first (RFC 8693 section 4.1). */
  readonly act: Act | undefined;
};

/** What the token says of the log-in behind it. */
export type Login = {
  readonly auth_time?: number | undefined;
  readonly acr?: string | undefined;
  readonly amr?: readonly string[] | undefined;
};

/**
 * A person by `sub`, a service by `client_id` alone: a client that was given the id of somebody's
 * account must not pass for them (RFC 9700 section 4.15).
 */
export type Act = { readonly sub?: string; readonly client_id: string; readonly act?: Act };

/** What tokens are looked up with, and by which clock they are judged. */
export type TokenParts = { readonly grants: Pick<Grants, 'find'>; readonly clock: Clock };

async function find(
  ctx: TokenEndpointGrantContext,
  parts: TokenParts,
  value: string,
): Promise<Presented | undefined> {
  const token = await guarded(() => ctx.oidc.provider.AccessToken.find(value));
  const artifact = token && (await guarded(() => parts.grants.find(value)));
  if (!token?.accountId || !artifact?.grant || typeof token.aud !== 'string') return undefined;
  const remaining = (token.exp ?? 0) - epochSeconds(parts.clock.now());
  if (!token.isValid || remaining < 1) return undefined;
  const { act, auth_time, acr, amr } = (token.extra ?? {}) as Login & { act?: Act };
  // No more than this: what else a token tells was meant for its own API.
  const login = { auth_time, ...(acr ? { acr } : {}), ...(amr ? { amr } : {}) };
  return { token, artifact, audience: token.aud, remaining, login, act };
}

/**
 * A token that the client may go on with: one that was sent to the API it speaks for, or its own.
 * Not one that staff act with, nor one for the account or the administration.
 */
export async function findSubject(
  ctx: TokenEndpointGrantContext,
  parts: TokenParts,
  value: string,
): Promise<Presented | undefined> {
  const presented = await find(ctx, parts, value);
  if (!presented) return undefined;
  const { token, audience, act } = presented;
  if (audience === ACCOUNT_AUDIENCE || audience === ADMIN_AUDIENCE) return undefined;
  if (act?.sub !== undefined) return undefined;
  const { client } = ctx.oidc;
  if (factsOf(client).rights.audiences.has(audience)) return presented;
  // Only the API has seen the proof of possession that a bound token is nothing without.
  const own = token.clientId === client.clientId && !token.isSenderConstrained();
  return own ? presented : undefined;
}

/**
 * The token of one of staff, from this very client, for the administration and with the
 * permission; of a log-in that ends with its session, so that signing out ends what comes of it.
 */
export async function findActor(
  ctx: TokenEndpointGrantContext,
  parts: TokenParts,
  value: string,
): Promise<Presented | undefined> {
  const presented = await find(ctx, parts, value);
  if (!presented) return undefined;
  const { token, audience, act } = presented;
  const { client } = ctx.oidc;
  const granted = factsOf(client).rights.grants.get(ADMIN_AUDIENCE);
  const sound =
    token.clientId === client.clientId &&
    audience === ADMIN_AUDIENCE &&
    act === undefined &&
    token.expiresWithSession === true &&
    token.scopes.has(ACT_FOR_SHOPPERS) &&
    granted?.has(ACT_FOR_SHOPPERS) === true;
  return sound ? presented : undefined;
}
