/**
 * The grace of a refresh token. Two tabs, or a shop's server drawing two pages at once, present
 * one token twice: one of them wins, and for some seconds whoever lost gets the winner's own
 * response, so that nobody is logged out and no second branch begins. After it the same is a theft.
 *
 * A loser passes every check of the host (client, expiry, key, certificate, grant, account,
 * scope), because the adapter shows it the token as unspent, and fails where the token is spent,
 * in one conditional UPDATE. Only then is the response looked for. It is found and opened by the
 * spent token alone, lies in the database, and dies with the grant.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import Provider, { type KoaContextWithOIDC } from 'oidc-provider';
import {
  type Artifact,
  type Grants,
  REFRESH_GRACE_SECONDS,
  type RefreshAnswer,
} from '../domain/grants/index.js';
import type { Clock } from '../kernel/clock.js';
import { factsOf } from './clients.js';
import { certificateOf } from './mutual-tls.js';
import type { EndReused } from './reuse.js';

/** How long a loser waits for a winner that is still at work. */
const PATIENCE_MS = 2_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 200;

type Parts = {
  readonly grants: Pick<Grants, 'find' | 'findAnswer' | 'keepAnswer' | 'unspend'>;
  readonly clock: Clock;
  readonly endReused: EndReused;
  readonly onFailure: (error: unknown) => void;
};

const losers = new WeakSet<object>();

/** Whether the request under way presents a refresh token at the token endpoint. */
export function isRefreshing(): boolean {
  const oidc = Provider.ctx?.oidc;
  return oidc?.route === 'token' && oidc.params?.grant_type === 'refresh_token';
}

/** The request under way has passed every check, and somebody else has spent the token. */
export function noteLoser(): void {
  const ctx = Provider.ctx;
  if (ctx) losers.add(ctx);
}

/** Middleware around the host: keeps what winners are answered, and answers losers with it. */
export function answerLosers(parts: Parts) {
  return async (given: object, next: () => Promise<unknown>): Promise<void> => {
    await next();
    const ctx = given as KoaContextWithOIDC;
    if (losers.has(ctx)) return answerLoser(parts, ctx);
    // Outside of the host's own routes there is none.
    if (!(ctx as Partial<KoaContextWithOIDC>).oidc?.entities.RotatedRefreshToken) return undefined;
    try {
      await (ctx.status === 200 ? keepAnswer(parts, ctx) : takeBack(parts, ctx));
    } catch (error) {
      // The winner's own answer is right all the same.
      parts.onFailure(error);
    }
    return undefined;
  };
}

/** Before the answer is sent: once its client has the new token, a loser must find it here. */
async function keepAnswer({ grants, clock }: Parts, ctx: KoaContextWithOIDC): Promise<void> {
  const { client, entities } = ctx.oidc;
  const { RotatedRefreshToken: spent } = entities;
  if (!client || !spent) return;
  const grace = factsOf(client).client.refreshGraceSeconds ?? REFRESH_GRACE_SECONDS;
  if (grace === 0) return;
  const { accountId, clientId, grantId } = spent;
  await grants.keepAnswer(
    spent.jti,
    // `expires_in` may be stale for a loser, by the grace at most.
    { asked: await whatWasAsked(ctx), body: JSON.stringify(ctx.body) },
    { accountId, clientId, grantId, iat: Math.floor(clock.now().getTime() / 1000) },
    grace,
  );
}

/**
 * The host spends the token before it looks whether the resource may be asked for. A request that
 * is refused after that, or that an outage cut short, has not handed anything out, so it spends
 * nothing: else its client would look like a thief the next time.
 */
async function takeBack({ grants }: Parts, ctx: KoaContextWithOIDC): Promise<void> {
  const { RotatedRefreshToken: spent, RefreshToken: successor } = ctx.oidc.entities;
  if (!spent) return;
  await grants.unspend(spent.jti, successor === spent ? undefined : successor?.jti);
}

async function answerLoser(parts: Parts, ctx: KoaContextWithOIDC): Promise<void> {
  let found: Settled;
  try {
    found = await settle(parts, ctx);
  } catch (error) {
    parts.onFailure(error);
    found = { kind: 'later' };
  }
  if (found.kind === 'refused') return;
  ctx.type = 'json';
  if (found.kind === 'answered') {
    ctx.status = 200;
    // In the order in which it was written, so it is the same to the byte.
    ctx.body = JSON.parse(found.body);
    return;
  }
  ctx.status = 503;
  ctx.set('Retry-After', '1');
  ctx.body = {
    error: 'temporarily_unavailable',
    error_description: 'the refresh token is being used at this moment, try again',
  };
}

type Settled =
  | { readonly kind: 'answered'; readonly body: string }
  /** What the host has said already: `invalid_grant`. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'later' };

/** Waits for the winner's answer, and for nothing that can no longer come. */
async function settle(parts: Parts, ctx: KoaContextWithOIDC): Promise<Settled> {
  const value = String(ctx.oidc.params?.refresh_token);
  let pause = FIRST_PAUSE_MS;
  for (let waited = 0; ; waited += pause) {
    const { answer, token } = await look(parts, value);
    // Tokens for another API, or bound to another key, would be an answer to another question.
    if (answer && answer.asked !== (await whatWasAsked(ctx))) return { kind: 'refused' };
    if (answer) return { kind: 'answered', body: answer.body };
    if (!token) return { kind: 'refused' };
    // The winner could not be served after all, so it is anybody's again.
    if (token.payload.consumed === undefined) return { kind: 'later' };
    if (!token.inGrace) {
      await parts.endReused(ctx);
      return { kind: 'refused' };
    }
    if (waited >= PATIENCE_MS) return { kind: 'later' };
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    await sleep(pause);
  }
}

type Seen = { readonly answer?: RefreshAnswer | undefined; readonly token?: Artifact | undefined };

const looks = new Map<string, Promise<Seen>>();

/**
 * All who wait for one winner look through one pair of eyes: fifty that each asked for themselves
 * would keep the connections busy that the winner needs.
 */
function look({ grants }: Parts, value: string): Promise<Seen> {
  const under = looks.get(value);
  if (under) return under;
  const looking = (async () => {
    const answer = await grants.findAnswer(value);
    return answer ? { answer } : { token: await grants.find(value) };
  })().finally(() => looks.delete(value));
  looks.set(value, looking);
  return looking;
}

/** What decides which tokens come back: scope, resources, details, and what they are bound to. */
async function whatWasAsked(ctx: KoaContextWithOIDC): Promise<string> {
  const { scope, resource, authorization_details: details } = ctx.oidc.params ?? {};
  const words = (value: unknown) =>
    [value ?? []]
      .flat()
      .flatMap((one) => String(one).split(' '))
      .sort();
  // The host has verified the proof: nobody gets here with one that is not theirs.
  const proof = ctx.get('DPoP');
  const { jwk } = proof ? decodeProtectedHeader(proof) : {};
  const key = jwk ? await calculateJwkThumbprint(jwk) : '';
  const certificate = certificateOf(ctx)?.certificate.fingerprint256 ?? '';
  return createHash('sha256')
    .update(JSON.stringify([words(scope), words(resource), details ?? '', key, certificate]))
    .digest('base64url');
}
