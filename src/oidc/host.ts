/**
 * The protocol host: an oidc-provider that is built anew whenever the signing keys change and
 * swapped in between two requests. It keeps nothing itself, so nothing is lost; requests in
 * flight end on the one they began with.
 */
import { createHash } from 'node:crypto';
import mount from 'koa-mount';
import Provider from 'oidc-provider';
import type { ClaimMapping, ClaimMappings } from '../domain/claims/index.js';
import type { Keys, PrivateJwk } from '../domain/keys/index.js';
import type { SeenAgain } from '../flows/end-reused-grant.js';
import type { Clock } from '../kernel/clock.js';
import { teachBackchannel } from './backchannel.js';
import { teachClients } from './clients.js';
import { type ConfigurationParts, createConfiguration } from './configuration.js';
import { teachDeviceCodes } from './device-codes.js';
import type { ChangeSource } from './directory.js';
import { createDisclose } from './disclosure.js';
import { guarded } from './errors.js';
import { teachLogout } from './logout-notices.js';
import { answerLosers } from './refresh-grace.js';
import { teachResponseModes } from './response-modes.js';
import { createEndReused } from './reuse.js';
import { knowKeys } from './signed-tokens.js';
import { type ExchangeParts, registerTokenExchange } from './token-exchange.js';

export type HostEvents = {
  onServerError(error: unknown): void;
  /** A spent code or refresh token was presented again: ends its grant before anything is answered. */
  onTokenReuse(seen: SeenAgain & { readonly requestContext: object }): Promise<void>;
  /** Building a provider from the keys failed; the present one stays. */
  onReloadFailed(error: unknown): void;
};

export type Host = {
  /** The provider for a request that begins now. */
  current(): Provider;
  /** Koa middleware that runs the request through it. */
  handle(ctx: object, next: () => Promise<unknown>): Promise<unknown>;
  /** For how many seconds the published keys may be kept, as far as is known here. */
  jwksMaxAge(): number;
  close(): void;
};

/** What is built into a provider. */
const rebuilding = new Set(['signing_keys', 'claim_mappings']);

type BuiltIn = {
  readonly keys: readonly PrivateJwk[];
  readonly mappings: readonly ClaimMapping[];
};

type Handler = Host['handle'];

// setTimeout's limit is 24.8 days; looking once a day costs nothing.
const LONGEST_TIMER_MS = 24 * 3600 * 1000;
// A node that missed an emergency must follow within five seconds.
const RETRY_MS = 2_000;
/** Half of the time that a key is published before it signs. */
const JWKS_MAX_AGE = 300;
/** Where the keys have just had to change, or may have without this node knowing. */
const UNSETTLED_MAX_AGE = 5;
// The library forgets a proof five minutes after its use, but takes one dated up to five minutes
// ahead, which would then still be good.
const PROOF_SKEW_SECONDS = 300;

/** Builds the first provider; throws if there are no usable signing keys. */
export async function createHost(
  parts: Omit<ConfigurationParts, 'signingKeys' | 'mappings' | 'endReused'> & {
    claims: Pick<ClaimMappings, 'listMappings'>;
    keys: Pick<Keys, 'loadSigningSet' | 'list'>;
    changes: ChangeSource;
    clock: Clock;
    events: HostEvents;
    actForShopper: ExchangeParts['actForShopper'];
  },
): Promise<Host> {
  let provider: Provider | undefined;
  let mounted: Handler | undefined;
  let inUse: BuiltIn = { keys: [], mappings: [] };
  let unsettledUntil: Date | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let loading: Promise<void> | undefined;
  let again = false;

  const endReused = createEndReused(parts.grants, (seen) => parts.events.onTokenReuse(seen));

  const load = async () => {
    const mappings = await parts.claims.listMappings();
    const set = await parts.keys.loadSigningSet();
    unsettledUntil = set.unsettledUntil;
    use({ keys: set.keys, mappings });
    const wait = set.nextChange ? set.nextChange.getTime() - parts.clock.now().getTime() : Infinity;
    schedule(Math.min(Math.max(wait, 1_000), LONGEST_TIMER_MS));
  };

  const use = (next: BuiltIn) => {
    const print = ({ keys, mappings }: BuiltIn) =>
      JSON.stringify([keys.map((key) => key.kid), mappings]);
    if (provider && print(next) === print(inUse)) return;
    provider = build(next);
    mounted = mount('/', provider) as unknown as Handler;
    inUse = next;
  };

  /** New keys that cannot be opened here are no reason to go on with those that were revoked. */
  const dropRevoked = async () => {
    if (!provider) return;
    const revoked = new Set(
      (await parts.keys.list()).flatMap((key) => (key.state === 'revoked' ? [key.kid] : [])),
    );
    use({ ...inUse, keys: inUse.keys.filter((key) => !revoked.has(key.kid)) });
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
      .catch(async (error: unknown) => {
        parts.events.onReloadFailed(error);
        schedule(RETRY_MS);
        await dropRevoked().catch((worse: unknown) => parts.events.onReloadFailed(worse));
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

  const build = ({ keys: signingKeys, mappings }: BuiltIn): Provider => {
    const made = new Provider(
      parts.issuer,
      createConfiguration({ ...parts, signingKeys, mappings, endReused }),
    );
    // What stands in the forwarding headers was written by our own front middleware.
    made.proxy = true;
    made.on('server_error', (_ctx, error) => parts.events.onServerError(error));
    made.use(
      answerLosers({
        grants: parts.grants,
        clock: parts.clock,
        endReused,
        onFailure: parts.events.onServerError,
      }),
    );
    registerTokenExchange(made, parts);
    teachResponseModes(made);
    teachClients(made, parts.directory, createDisclose(mappings), parts.clock);
    teachBackchannel(made, parts.grants);
    knowKeys(made, signingKeys);
    teachDeviceCodes(made, { grants: parts.grants, tries: parts.devices.tries });
    teachLogout(made, parts.grants);
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
    jwksMaxAge() {
      const unsettled = unsettledUntil && unsettledUntil > parts.clock.now();
      return unsettled || !parts.changes.isLive() ? UNSETTLED_MAX_AGE : JWKS_MAX_AGE;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
