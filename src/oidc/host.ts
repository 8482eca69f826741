/**
 * The protocol host: an oidc-provider that is built anew whenever the signing keys change and
 * swapped in between two requests. It keeps nothing itself, so nothing is lost; requests in
 * flight end on the one they began with.
 */
import { createHash } from 'node:crypto';
import mount from 'koa-mount';
import Provider, { type KoaContextWithOIDC } from 'oidc-provider';
import type { ClaimMapping, ClaimMappings } from '../domain/claims/index.js';
import type { Keys } from '../domain/keys/index.js';
import type { Clock } from '../kernel/clock.js';
import { teachBackchannel } from './backchannel.js';
import { teachClients } from './clients.js';
import { type ConfigurationParts, createConfiguration } from './configuration.js';
import { teachDeviceCodes } from './device-codes.js';
import type { ChangeSource } from './directory.js';
import { guarded } from './errors.js';

export type HostEvents = {
  onServerError(error: unknown): void;
  /** A spent code or refresh token was presented again; its grant has just ended. */
  onTokenReuse(seen: {
    kind: 'authorization_code' | 'refresh_token';
    clientId: string | undefined;
    accountId: string | undefined;
    requestContext: object;
  }): void;
  /** Building a provider from the keys failed; the present one stays. */
  onReloadFailed(error: unknown): void;
};

export type Host = {
  /** The provider for a request that begins now. */
  current(): Provider;
  /** Koa middleware that runs the request through it. */
  handle(ctx: object, next: () => Promise<unknown>): Promise<unknown>;
  close(): void;
};

/** What is built into a provider. */
const rebuilding = new Set(['signing_keys', 'claim_mappings']);

type Handler = Host['handle'];

// setTimeout's limit is 24.8 days; looking once a day costs nothing.
const LONGEST_TIMER_MS = 24 * 3600 * 1000;
const RETRY_MS = 5_000;
// The library forgets a proof five minutes after its use, but takes one dated up to five minutes
// ahead, which would then still be good.
const PROOF_SKEW_SECONDS = 300;

/** Builds the first provider; throws if there are no usable signing keys. */
export async function createHost(
  parts: Omit<ConfigurationParts, 'signingKeys' | 'mappings'> & {
    claims: Pick<ClaimMappings, 'listMappings'>;
    keys: Pick<Keys, 'loadSigningSet'>;
    changes: ChangeSource;
    clock: Clock;
    events: HostEvents;
  },
): Promise<Host> {
  let provider: Provider | undefined;
  let mounted: Handler | undefined;
  let fingerprint = '';
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let loading: Promise<void> | undefined;
  let again = false;

  const load = async () => {
    const mappings = await parts.claims.listMappings();
    const { keys, nextChange } = await parts.keys.loadSigningSet();
    const order = createHash('sha256')
      .update(JSON.stringify([keys.map((key) => key.kid), mappings]))
      .digest('hex');
    if (order !== fingerprint) {
      provider = build(keys, mappings);
      mounted = mount('/', provider) as unknown as Handler;
      fingerprint = order;
    }
    const wait = nextChange ? nextChange.getTime() - parts.clock.now().getTime() : Infinity;
    schedule(Math.min(Math.max(wait, 1_000), LONGEST_TIMER_MS));
  };

  const schedule = (delay: number) => {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => void reload(), delay);
    timer.unref();
  };

  const reload = (): Promise<void> => {
    if (loading) {
      again = true;
      return loading;
    }
    loading = load()
      .catch((error: unknown) => {
        parts.events.onReloadFailed(error);
        schedule(RETRY_MS);
      })
      .finally(() => {
        loading = undefined;
        if (again && !closed) {
          again = false;
          void reload();
        }
      });
    return loading;
  };

  const build = (
    signingKeys: ConfigurationParts['signingKeys'],
    mappings: readonly ClaimMapping[],
  ): Provider => {
    const made = new Provider(
      parts.issuer,
      createConfiguration({ ...parts, signingKeys, mappings }),
    );
    // What stands in the forwarding headers was written by our own front middleware.
    made.proxy = true;
    made.on('server_error', (_ctx, error) => parts.events.onServerError(error));
    // At the token endpoint a grant is only ever revoked because something used came back.
    made.on('grant.revoked', (ctx: KoaContextWithOIDC) => {
      const { route, client, params } = ctx.oidc;
      if (route !== 'token') return;
      parts.events.onTokenReuse({
        kind: params?.grant_type === 'refresh_token' ? 'refresh_token' : 'authorization_code',
        clientId: client?.clientId,
        accountId: ctx.oidc.entities.RefreshToken?.accountId,
        requestContext: ctx,
      });
    });
    teachClients(made, parts.directory, parts.clock);
    teachBackchannel(made, parts.grants);
    teachDeviceCodes(made, { grants: parts.grants, tries: parts.devices.tries });
    // One atomic statement instead of the library's "find, then save": of twenty parallel uses
    // of one assertion or proof, one wins.
    made.ReplayDetection.unique = (iss: string, jti: string, exp: number) => {
      const life = Math.ceil(exp - parts.clock.now().getTime() / 1000) + PROOF_SKEW_SECONDS;
      const value = createHash('sha256').update(`${iss}\0${jti}`).digest('base64url');
      return guarded(() => parts.grants.claimOnce(`replay ${value}`, Math.max(life, 60)));
    };
    return made;
  };

  await load();
  parts.changes.subscribe((change) => {
    if (change === 'everything' || rebuilding.has(change.table)) void reload();
  });

  return {
    current() {
      if (!provider) throw new Error('The protocol host has no provider');
      return provider;
    },
    async handle(ctx, next) {
      return mounted?.(ctx, next);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
