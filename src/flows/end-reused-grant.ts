/**
 * A spent code or refresh token came back: somebody holds a copy (RFC 9700 section 4.14). The
 * grant ends with all that came of it, the record is written and the owner is told, in one
 * transaction: nothing of it happens without the rest, and it happens once.
 */
import type { Origin } from '../domain/audit/index.js';
import type { Clock } from '../kernel/clock.js';
import type { FlowParts } from './domain.js';

/** What came back. */
export type SeenAgain = {
  readonly kind: 'authorization_code' | 'refresh_token';
  readonly grantId: string;
  readonly clientId: string | undefined;
  readonly accountId: string | undefined;
};

export type EndReusedGrant = (input: SeenAgain & { readonly origin: Origin }) => Promise<void>;

export function createEndReusedGrant({
  transact,
  clock,
}: Pick<FlowParts, 'transact'> & { readonly clock: Clock }): EndReusedGrant {
  return ({ kind, grantId, clientId, accountId, origin }) =>
    transact(async ({ grants, audit, mail }) => {
      // Of many that come back at once one finds the grant; the others find it ended.
      if (!(await grants.endGrant(grantId))) return;
      await audit.record({
        event: kind === 'refresh_token' ? 'refresh_reuse' : 'code_reuse',
        result: 'failure',
        actor: clientId ? { kind: 'client', id: clientId } : { kind: 'anonymous' },
        ...(accountId ? { subjectId: accountId } : {}),
        ...(clientId ? { clientId } : {}),
        origin,
      });
      // Whose device it was nobody can tell: the thief's or the owner's. So the letter names none.
      if (kind === 'refresh_token' && accountId) {
        await mail.enqueue({ kind: 'token_reused', accountId, clientId, at: clock.now() });
      }
    });
}
