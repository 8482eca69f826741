/**
 * oidc-provider's storage, on the grants island. Three things matter here: one read answers for
 * every token model and brings the grant along; `consume` is a conditional UPDATE whose loser
 * gets `invalid_grant`; ids reach the database as digests only.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import Provider, { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type { Artifact, ArtifactKey, ArtifactKind, Grants } from '../domain/grants/index.js';
import { describeUserAgent } from '../domain/risk/index.js';
import { digest } from '../kernel/ids.js';
import type { Bytes } from '../kernel/sealed-box.js';
import { isStorable } from '../kernel/storable.js';
import { catchAnswer } from './approvals.js';
import type { StoreRequest } from './backchannel.js';
import { delegationOf } from './delegation.js';
import { type AnswerDevice, DeviceCodeTaken } from './device-codes.js';
import { guarded, UNSTORABLE } from './errors.js';
import { isRefreshing, noteLoser } from './refresh-grace.js';

// For the kinds that the host may store without an end.
const A_YEAR = 365 * 24 * 3600;

type RequestContext = NonNullable<typeof Provider.ctx>;

/**
 * Sessions found by uid come back without their bearer value, but the host needs a name to save
 * them under. The name is the digest, under a prefix drawn when the process starts: nobody
 * outside can present one. (That of a device code, or of a request, has to be good in another
 * process as well.)
 */
const HANDLE = `${randomBytes(24).toString('base64url')}.`;

function handleOf(idHash: Bytes): string {
  return HANDLE + Buffer.from(idHash).toString('base64url');
}

function keyOf(id: string): ArtifactKey {
  return id.startsWith(HANDLE)
    ? { idHash: new Uint8Array(Buffer.from(id.slice(HANDLE.length), 'base64url')) }
    : { id };
}

/**
 * What one request has already read. An introspection asks for the same value as three kinds of
 * token and then for its grant: one round trip. Anything written forgets all of it, and the next
 * request starts with nothing, so a revocation is seen by the very next request everywhere.
 */
const memos = new WeakMap<object, Map<string, Promise<Found | undefined>>>();
const readers = new AsyncLocalStorage<object>();
type Found = Pick<Artifact, 'kind' | 'payload' | 'inGrace'>;

const reader = (): object | undefined => Provider.ctx ?? readers.getStore();

/** The same for work that no request to the host stands behind. */
export function readingOnce<T>(work: () => Promise<T>): Promise<T> {
  return readers.run({}, work);
}

function memo(): Map<string, Promise<Found | undefined>> | undefined {
  const reading = reader();
  if (!reading) return undefined;
  let known = memos.get(reading);
  if (!known) {
    known = new Map();
    memos.set(reading, known);
  }
  return known;
}

function forget(): void {
  const reading = reader();
  if (reading) memos.delete(reading);
}

function lookUp(grants: Grants, id: string): Promise<Found | undefined> {
  const known = memo();
  const key = Buffer.from(digest(id)).toString('base64url');
  const before = known?.get(key);
  if (before) return before;
  const reading = grants.find(id).then((artifact) => {
    const grantId = artifact?.payload.grantId;
    if (artifact?.grant && typeof grantId === 'string') {
      const grantKey = Buffer.from(digest(grantId)).toString('base64url');
      known?.set(
        grantKey,
        Promise.resolve({ kind: 'Grant', payload: artifact.grant, inGrace: false }),
      );
    }
    return artifact;
  });
  known?.set(key, reading);
  return reading;
}

/**
 * A session that gets another id is destroyed under the old one and then saved under the new.
 * In two steps, a log-out in between would miss it; so the first waits here for the second.
 */
const renewals = new WeakMap<RequestContext, string>();

/** When the person behind this request logged in: what a new grant's life hangs on. */
function loginTime(): number | undefined {
  const session = Provider.ctx?.oidc?.session;
  return session?.accountId ? session.loginTs : undefined;
}

/**
 * A session says in which browser it was last used, in our own words for it: so its owner can
 * tell one from another. The host keeps the two names to itself and drops them when it loads.
 */
function withDevice(payload: AdapterPayload): AdapterPayload {
  const agent = Provider.ctx?.get('user-agent');
  if (!payload.accountId || agent === undefined) return payload;
  const seenAt = Math.floor(Date.now() / 1000);
  return { ...payload, device: describeUserAgent(agent), seenAt } as AdapterPayload;
}

function asStored(kind: ArtifactKind, given: AdapterPayload): AdapterPayload {
  if (kind === 'Session') return withDevice(given);
  if (kind !== 'RefreshToken') return given;
  // The host copies them here. A payment was approved for one token and is not renewed with it.
  const { rar: _payment, ...payload } = given;
  return payload;
}

/** What is stored by a flow, because more belongs to it than a row. */
export type Stores = {
  readonly device: AnswerDevice;
  readonly backchannel: StoreRequest;
};

function adapterFor(kind: ArtifactKind, grants: Grants, stores: Stores): Adapter {
  const mayBeNamed = kind === 'DeviceCode' || kind === 'BackchannelAuthenticationRequest';
  const keyOfKind = (id: string): ArtifactKey =>
    (mayBeNamed && grants.keyOfHandle(id)) || keyOf(id);
  const asPayload = (payload: Record<string, unknown>, jti: string): AdapterPayload =>
    ({ ...payload, jti }) as AdapterPayload;

  return {
    async find(id) {
      const named = mayBeNamed && grants.keyOfHandle(id) !== undefined;
      const found = await guarded(() => (named ? grants.findByHandle(id) : lookUp(grants, id)));
      if (found?.kind !== kind) return undefined;
      const payload = asPayload(found.payload, id);
      // A refresh token that was spent a moment ago goes through all checks of one that was not,
      // and fails where it is spent (see `refresh-grace.ts`).
      if ('inGrace' in found && found.inGrace && isRefreshing()) delete payload.consumed;
      return payload;
    },

    async findByUid(uid) {
      const found = await guarded(() => grants.findSessionByUid(uid));
      return found?.kind === kind ? asPayload(found.payload, handleOf(found.idHash)) : undefined;
    },

    async findByUserCode(userCode) {
      const found = await guarded(() => grants.findByUserCode(userCode));
      if (found?.kind !== kind) return undefined;
      return asPayload({ ...found.payload, userCode }, grants.handleOf(found.idHash));
    },

    async upsert(id, given, expiresIn) {
      forget();
      const payload = asStored(kind, given);
      // Whatever it is of a request that is carried along: the fault is the sender's.
      if (!isStorable(payload)) throw new errors.InvalidRequest(UNSTORABLE);
      const ctx = Provider.ctx;
      const from = kind === 'Session' && ctx ? renewals.get(ctx) : undefined;
      if (ctx && from !== undefined) {
        renewals.delete(ctx);
        await guarded(() =>
          grants.renewSession(keyOf(from), keyOf(id), { ...payload }, expiresIn ?? A_YEAR),
        );
        return;
      }
      const delegated = kind === 'AccessToken' ? delegationOf(ctx) : undefined;
      if (delegated) {
        await guarded(() => delegated.keep(keyOf(id), { ...payload }, expiresIn ?? A_YEAR));
        return;
      }
      const saved = { key: keyOfKind(id), payload: { ...payload }, ttlSeconds: expiresIn ?? 1 };
      if (await guarded(() => catchAnswer(kind, saved))) return;
      if (kind === 'BackchannelAuthenticationRequest') {
        return guarded(() => stores.backchannel(saved));
      }
      if (kind === 'DeviceCode') {
        if (await guarded(() => stores.device(saved, ctx))) return;
        throw new DeviceCodeTaken();
      }
      const authAt = kind === 'Grant' ? loginTime() : undefined;
      await guarded(() =>
        grants.save(kind, keyOf(id), { ...payload }, expiresIn ?? A_YEAR, authAt),
      );
    },

    async consume(id) {
      forget();
      if (await guarded(() => grants.spend(kind, keyOfKind(id)))) return;
      // Zero rows: somebody was faster.
      if (kind === 'RefreshToken') noteLoser();
      // A plain Error would be a 500, so the host's own classes.
      throw kind === 'PushedAuthorizationRequest'
        ? new errors.InvalidRequestUri('request_uri was already used')
        : new errors.InvalidGrant('already used');
    },

    async destroy(id) {
      forget();
      // A used one that came back ends with its family in one transaction. Had that failed after
      // this, the next attempt would find no trace of it, and the family would live on.
      if (kind === 'RefreshToken' && isRefreshing()) return;
      const ctx = Provider.ctx;
      const session = kind === 'Session' ? ctx?.oidc?.session : undefined;
      if (ctx && session && session.jti !== id) {
        renewals.set(ctx, id);
        return;
      }
      await guarded(() => grants.remove(kind, keyOfKind(id), session?.uid));
    },

    async revokeByGrantId(grantId) {
      forget();
      await guarded(() => grants.removeByGrant(grantId));
    },
  };
}

/** The factory oidc-provider asks for an adapter per model; clients come from elsewhere. */
export function createAdapterFactory(
  grants: Grants,
  clients: Pick<Adapter, 'find'>,
  stores: Stores,
): (name: string) => Adapter {
  const refuse = async (): Promise<never> => {
    throw new Error('Clients are not stored through the protocol host');
  };
  return (name) =>
    name === 'Client'
      ? {
          find: (id) => clients.find(id),
          findByUid: refuse,
          findByUserCode: refuse,
          upsert: refuse,
          consume: refuse,
          destroy: refuse,
          revokeByGrantId: refuse,
        }
      : adapterFor(name as ArtifactKind, grants, stores);
}
