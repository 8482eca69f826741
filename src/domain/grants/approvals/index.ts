/**
 * Approvals: requests that wait for somebody's yes on another device (OpenID Connect
 * Client-Initiated Backchannel Authentication). The request itself is an artifact like all
 * others; here stands what is counted of it and who must not ask again, and it is kept for a name
 * that nobody has just as it is for one that somebody has.
 */
import { digest } from '../../../kernel/ids.js';
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';
import type { ArtifactKey } from '../kinds.js';
import { approvalsStore } from './store.js';

export type Approvals = ReturnType<typeof createApprovals>;

const hashOf = (key: ArtifactKey): Bytes => ('id' in key ? digest(key.id) : key.idHash);

export function createApprovals({ db }: { db: Db }) {
  const store = approvalsStore(db);
  return {
    /** Notes a request beside its artifact. @param subjectId the account, or what stands in */
    noteApproval: (request: {
      readonly key: ArtifactKey;
      readonly subjectId: string;
      readonly clientId: string;
      readonly ttlSeconds: number;
    }): Promise<void> => {
      const { key, ...what } = request;
      return store.insert({ ...what, idHash: hashOf(key), sealedPing: null });
    },

    /** How many requests wait for the same person's answer, whoever made them. */
    countOpenApprovals: (subjectId: string): Promise<number> => store.countOpen(subjectId),

    /** It was answered and does not wait any more. */
    closeApproval: (key: ArtifactKey): Promise<void> => store.close(hashOf(key)),

    /** From now on this client does not ask this account, for so many seconds. */
    stopApprovals: (accountId: string, clientId: string, seconds: number): Promise<void> =>
      store.stop(accountId, clientId, seconds),

    mayNotAsk: (accountId: string, clientId: string): Promise<boolean> =>
      store.isStopped(accountId, clientId),

    purgeApprovals: (limit: number): Promise<number> => store.purge(limit),
  };
}
