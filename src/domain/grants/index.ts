/**
 * Grants: everything the protocol host stores, from browser sessions to tokens.
 *
 * Promises: a bearer value is stored as its SHA-256 only; a single-use artifact is spent by one
 * conditional UPDATE; what belongs to a disabled owner, or is older than the owner's security
 * epoch, is not found, whoever wrote it and whenever; and no session is ended without its clients
 * being told (`notices/store.ts`).
 */
import { digest } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Db } from '../../platform/postgres.js';
import { type Artifact, artifactRows, type Delegation } from './artifact.js';
import { delegatedStore } from './delegated/store.js';
import { deviceHandles, devicePolling } from './device-codes.js';
import { type Ended, endingsStore, type KeptLogin } from './endings/store.js';
import { type ArtifactKey, type ArtifactKind, type Payload, spendableExpired } from './kinds.js';
import { type LogoutNotice, logoutNotices } from './notices/store.js';
import { type OpenGrant, type OpenSession, ownedStore } from './owned/store.js';
import { grantsStore } from './store.js';

export {
  type Approvals,
  createApprovals,
  PING_TRIES,
  type Ping,
  type PingContent,
  parsePing,
  SEND_PING as sendPingTask,
} from './approvals/index.js';
export type { Artifact, Delegation } from './artifact.js';
export { POLL_SECONDS } from './device-codes.js';
export type { Ended } from './endings/store.js';
export {
  type ArtifactKey,
  type ArtifactKind,
  type Payload,
  REFRESH_GRACE_SECONDS,
} from './kinds.js';
export {
  type LogoutNotice,
  NOTICE_TRIES,
  parseLogoutNotice,
  SEND_NOTICE as sendNoticeTask,
} from './notices/store.js';
export type { OpenGrant, OpenSession } from './owned/store.js';

export type Grants = ReturnType<typeof createGrants>;

/** What a refresh token was answered with, and what had been asked. */
export type RefreshAnswer = { readonly asked: string; readonly body: string };

// No token looks like this: they have no spaces.
const answerTo = (refreshToken: string) => `answer to ${refreshToken}`;

export function createGrants({ db, keyring }: { db: Db; keyring: Keyring }) {
  const { hashOf, userCodeHashes, rowOf, present } = artifactRows(keyring);
  const store = grantsStore(db);
  const endings = endingsStore(db);
  const owned = ownedStore(db);
  const handles = deviceHandles(keyring);
  const delegated = delegatedStore(db);
  const notices = logoutNotices(db);
  return {
    /** The artifact of any kind that `id` is the value of, if it still counts. */
    async find(id: string): Promise<Artifact | undefined> {
      const found = present(await store.find(digest(id)), id);
      if (!found || found.restsOn.length === 0) return found;
      return (await delegated.allCount(found.restsOn)) ? found : undefined;
    },

    /**
     * Whether each of these tokens still counts, with the grant and the session it hangs on: for
     * what was made from them and is stored nowhere itself. They are named as `restsOn` does.
     */
    allCount: (restsOn: Artifact['restsOn']): Promise<boolean> => delegated.allCount(restsOn),

    async findSessionByUid(uid: string): Promise<Artifact | undefined> {
      return present(await store.findByUid(uid));
    },

    /** The requests that wait for an account's approval, the oldest first. */
    async listWaiting(accountId: string): Promise<Artifact[]> {
      const rows = await store.waiting(accountId);
      return rows.flatMap((row) => present(row) ?? []);
    },

    /** A device code, or a request for an approval, by the name that `handleOf` gave it. */
    async findByHandle(handle: string): Promise<Artifact | undefined> {
      const key = handles.read(handle);
      return key && present(await store.find(key.idHash));
    },

    /** What one is called where its value is not known: good on every node. */
    handleOf: handles.write,
    keyOfHandle: handles.read,

    async findByUserCode(userCode: string): Promise<Artifact | undefined> {
      for (const hash of userCodeHashes(userCode)) {
        const row = await store.findByUserCode(hash);
        if (row) return present(row);
      }
      return undefined;
    },

    /**
     * Stores an artifact for `ttlSeconds` of database time.
     *
     * @param authAt seconds; when its owner logged in, if the payload does not say so itself
     * @returns whether it was stored: false for what has ended, and for a device code that
     *   somebody else has confirmed or answered meanwhile
     */
    save: (
      kind: ArtifactKind,
      key: ArtifactKey,
      payload: Payload,
      ttlSeconds: number,
      authAt?: number | undefined,
    ): Promise<boolean> => store.save(rowOf(kind, key, payload, ttlSeconds, { authAt })),

    /** A client asks whether it is answered yet; false when it does so too soon (RFC 8628 3.5). */
    notePoll: (id: string): Promise<boolean> => store.poll(digest(id), devicePolling),

    /** Stores a token that was made from others, so that it ends with any of them. */
    async saveDelegated(
      key: ArtifactKey,
      payload: Payload,
      ttlSeconds: number,
      delegation: Delegation,
    ): Promise<void> {
      await store.save(rowOf('AccessToken', key, payload, ttlSeconds, { delegation }));
    },

    /** Stores a session under another id; the one it had is worth nothing from then on. */
    async renewSession(
      from: ArtifactKey,
      key: ArtifactKey,
      payload: Payload,
      ttlSeconds: number,
    ): Promise<void> {
      const row = rowOf('Session', key, payload, ttlSeconds);
      if (!(await store.renew(hashOf(from), row))) await store.save(row);
    },

    /** Spends a single-use artifact. False: it was spent before, or is gone. */
    spend: (kind: ArtifactKind, key: ArtifactKey): Promise<boolean> =>
      store.spend(hashOf(key), spendableExpired(kind)),

    /**
     * Keeps what a refresh token was answered with, for those who lost the race for it. It is
     * found and opened by the spent token's value alone, and dies with the grant, its owner's
     * and its client's epochs as every token does.
     */
    async keepAnswer(
      refreshToken: string,
      answer: RefreshAnswer,
      of: Payload & { readonly iat: number },
      ttlSeconds: number,
    ): Promise<void> {
      const key = { id: answerTo(refreshToken) };
      await store.save(rowOf('RefreshAnswer', key, { ...of, ...answer }, ttlSeconds));
    },

    /** What a spent refresh token was answered with, as long as the tokens in it count. */
    async findAnswer(refreshToken: string): Promise<RefreshAnswer | undefined> {
      const id = answerTo(refreshToken);
      const found = present(await store.find(digest(id)), id);
      if (found?.kind !== 'RefreshAnswer') return undefined;
      const { asked, body } = found.payload as unknown as RefreshAnswer;
      return { asked, body };
    },

    /**
     * A refresh that failed half way has spent nothing: the token counts again, and its successor,
     * which must not have left the process, never will.
     */
    unspend: (refreshToken: string, successor: string | undefined): Promise<void> =>
      store.unspend(digest(refreshToken), successor === undefined ? null : digest(successor)),

    /** Remembers a one-time value (assertion or proof `jti`). False: it was seen before. */
    claimOnce: (value: string, ttlSeconds: number): Promise<boolean> =>
      store.claim(digest(value), ttlSeconds),

    /** @param uid of a session, which may have got another id meanwhile */
    async remove(kind: ArtifactKind, key: ArtifactKey, uid?: string): Promise<void> {
      if (kind === 'Session') await endings.bury(hashOf(key), uid ?? null);
      else await endings.remove(hashOf(key));
    },

    /**
     * Ends a grant with every token and code of it. False: somebody else has just done so, of any
     * number that try at once all but one.
     */
    endGrant: (grantId: string): Promise<boolean> => endings.endGrant(digest(grantId)),

    /** Ends every token and code that hangs on a grant. */
    removeByGrant: (grantId: string): Promise<void> => endings.removeByGrant(digest(grantId)),

    /** Ends what an account has; call it in the transaction that raises its epoch. */
    endAccount: (accountId: string, what: { sessions: boolean; tokens: boolean }): Promise<Ended> =>
      endings.removeByAccount(accountId, what),

    /**
     * Ends what an account has but for one session, in which its owner has just proven themself
     * again: that log-in counts from `login.at` and says what was proven then, no more; or, with
     * nothing new to say, what it said before. `kept` is false when that session has ended
     * meanwhile. Call it in the transaction that raises the epoch.
     */
    async endOthers(
      accountId: string,
      sessionUid: string,
      login: KeptLogin,
    ): Promise<Ended & { readonly kept: boolean }> {
      const kept = await endings.renewLogin(sessionUid, accountId, login);
      const what = { sessions: true, tokens: true, except: sessionUid };
      return { ...(await endings.removeByAccount(accountId, what)), kept };
    },

    /** The browsers in which an account is signed in, the last one used first. */
    listSessions: (accountId: string): Promise<OpenSession[]> => owned.sessions(accountId),

    /** Ends one session of an account by its uid; returns how many ended. */
    endSession: (accountId: string, uid: string): Promise<number> =>
      owned.buryOwn(accountId, { uid }),

    /** Ends all sessions of an account but one; returns how many ended. */
    endOtherSessions: (accountId: string, uid: string): Promise<number> =>
      owned.buryOwn(accountId, { except: uid }),

    /** What clients may do for an account, the oldest grant first. */
    listGrants: (accountId: string): Promise<OpenGrant[]> => owned.grants(accountId),

    /** Ends all that a client has of an account; returns how much that was. */
    endClientOfAccount: (accountId: string, clientId: string): Promise<number> =>
      owned.removeClient(accountId, clientId),

    /** Has a client told that it has no part any more in a session which goes on without it. */
    tellOfLogout: (notice: LogoutNotice): Promise<void> => notices.tell(notice),

    /** Removes one batch of what expired long enough ago; returns its size. */
    purgeExpired: (limit: number): Promise<number> => endings.purge(limit),
  };
}
