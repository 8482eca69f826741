/**
 * The browsers in which somebody is signed in: which they are, and ending them. What ends here is
 * dead at its next request, on every node: the host reads the session each time, and a request in
 * flight cannot bring it back (OWASP ASVS 7.4.5).
 */
import { createHash } from 'node:crypto';
import type { FlowParts } from '../domain.js';
import { ACCOUNT_CLIENT } from '../ensure-account-client.js';
import type { Visitor } from '../sign-in/index.js';
import type { Owner } from './owner.js';

export type OwnSession = {
  /** For addresses of pages: a digest, so that no page shows what a session is called here. */
  readonly id: string;
  readonly device: string;
  readonly signedInAt: Date;
  readonly seenAt: Date;
  /** The browser that asks. */
  readonly here: boolean;
  /** Where it has signed in to, by name. */
  readonly applications: readonly string[];
};

export type ManageSessions = {
  list(owner: Owner): Promise<readonly OwnSession[]>;
  /** Ends one, or all but the one that asks; `gone` when there was nothing left to end. */
  end(owner: Owner, visitor: Visitor, which: { id: string } | 'others'): Promise<'done' | 'gone'>;
};

const idOf = (uid: string): string => createHash('sha256').update(uid).digest('base64url');

export function createManageSessions({ domain, transact }: FlowParts): ManageSessions {
  return {
    async list({ accountId, sessionUid }) {
      const sessions = await domain.grants.listSessions(accountId);
      return Promise.all(
        sessions.map(async ({ uid, device, signedInAt, seenAt, clientIds }) => {
          const others = clientIds.filter((id) => id !== ACCOUNT_CLIENT);
          const clients = await Promise.all(others.map((id) => domain.clients.find(id)));
          const applications = clients.flatMap((client) => (client ? [client.name] : []));
          const here = uid === sessionUid;
          return { id: idOf(uid), device, signedInAt, seenAt, here, applications };
        }),
      );
    },

    end: ({ accountId, sessionUid }, visitor, which) =>
      transact(async ({ grants, audit }) => {
        let sessions: number;
        if (which === 'others') {
          sessions = await grants.endOtherSessions(accountId, sessionUid);
        } else {
          const all = await grants.listSessions(accountId);
          const uid = all.find((session) => idOf(session.uid) === which.id)?.uid;
          sessions = uid === undefined ? 0 : await grants.endSession(accountId, uid);
        }
        if (sessions === 0) return 'gone';
        await audit.record({
          event: 'sessions_ended',
          result: 'success',
          actor: { kind: 'account', id: accountId },
          subjectId: accountId,
          origin: visitor.origin,
          details: { sessions },
        });
        return 'done';
      }),
  };
}
