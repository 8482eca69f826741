/**
 * Approvals: requests that wait for somebody's yes on another device (OpenID Connect
 * Client-Initiated Backchannel Authentication). The request itself is an artifact like all
 * others; here stands what is counted of it and who must not ask again, and it is kept for a name
 * that nobody has just as it is for one that somebody has.
 */
import { digest } from '../../../kernel/ids.js';
import type { Keyring } from '../../../kernel/keyring.js';
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';
import type { ArtifactKey } from '../kinds.js';
import { approvalsStore, type OpenApprovals } from './store.js';

export { PING_TRIES, SEND_PING } from './store.js';

/** The word to a client that one of its requests was answered; it opens nothing by itself. */
export type Ping = { readonly request: string; readonly clientId: string };

/** What it says: the request's own value, and what proves to the client that it is from us. */
export type PingContent = { readonly authReqId: string; readonly token: string };

const PURPOSE = 'approval-ping';

export type Approvals = ReturnType<typeof createApprovals>;

const contextOf = (idHash: Bytes) => Buffer.from(idHash).toString('hex');
const hashFrom = (request: string): Bytes => new Uint8Array(Buffer.from(request, 'hex'));
const hashOf = (key: ArtifactKey): Bytes => ('id' in key ? digest(key.id) : key.idHash);

export function createApprovals({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = approvalsStore(db);
  return {
    /**
     * Notes a request beside its artifact.
     *
     * @param subjectId the account, or what stands in for one
     * @param ping of a client that wants to be told of the answer; kept sealed until it was
     */
    noteApproval: (request: {
      readonly key: ArtifactKey;
      readonly subjectId: string;
      readonly clientId: string;
      readonly ttlSeconds: number;
      readonly ping: PingContent | undefined;
    }): Promise<void> => {
      const { key, ping, ...what } = request;
      const idHash = hashOf(key);
      const sealedPing = ping
        ? keyring.seal(PURPOSE, JSON.stringify(ping), contextOf(idHash))
        : null;
      return store.insert({ ...what, idHash, sealedPing });
    },

    /** Others who would ask the same person wait until this transaction ends. */
    holdApprovals: (subjectId: string): Promise<void> => store.hold(subjectId),

    /** How many requests wait for the same person's answer: in all, and of this client. */
    countOpenApprovals: (subjectId: string, clientId: string): Promise<OpenApprovals> =>
      store.countOpen(subjectId, clientId),

    /** It was answered and does not wait any more; its client is told, if it wants to be. */
    closeApproval: (key: ArtifactKey): Promise<void> => store.close(hashOf(key)),

    /** What is still to be said; nothing once it was, or when the request is over. */
    async findPing({ request }: Ping): Promise<PingContent | undefined> {
      const idHash = hashFrom(request);
      const sealed = await store.findPing(idHash);
      if (!sealed) return undefined;
      const opened = keyring.open(PURPOSE, sealed, contextOf(idHash));
      return JSON.parse(opened.toString('utf8')) as PingContent;
    },

    /** It was said, or never will be. */
    dropPing: ({ request }: Ping): Promise<void> => store.dropPing(hashFrom(request)),

    /** Forgets what an account was asked and whom it has stopped: it is closed. */
    forgetApprovals: (accountId: string): Promise<void> => store.forget(accountId),

    /** From now on this client does not ask this account, for so many seconds. */
    stopApprovals: (accountId: string, clientId: string, seconds: number): Promise<void> =>
      store.stop(accountId, clientId, seconds),

    mayNotAsk: (accountId: string, clientId: string): Promise<boolean> =>
      store.isStopped(accountId, clientId),

    purgeApprovals: (limit: number): Promise<number> => store.purge(limit),
  };
}

/** Reads what the queue hands back; throws if it is none of ours. */
export function parsePing(payload: unknown): Ping {
  const { request, clientId } = (payload ?? {}) as Record<string, unknown>;
  if (typeof request !== 'string' || typeof clientId !== 'string') {
    throw new Error('A queued notification does not say of what');
  }
  return { request, clientId };
}
