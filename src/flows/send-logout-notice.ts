/**
 * Tells one client that one session with it has ended (OpenID Connect Back-Channel Logout 1.0).
 * The queue calls this until the client has heard it; after the last try the client may hold a
 * session that is over here, so that goes on record.
 */
import type { LogoutNotice } from '../domain/grants/index.js';
import type { FlowParts } from './domain.js';

/** What came of one try. */
export type Delivery =
  | { readonly kind: 'delivered' }
  /** The client is gone or disabled, or does not want to be told any more. */
  | { readonly kind: 'unwanted' }
  /** @property why a status or the code of an error, fit for logs */
  | { readonly kind: 'failed'; readonly why: string };

/** Signs the notice anew and sends it; never throws. */
export type DeliverLogout = (notice: LogoutNotice) => Promise<Delivery>;

export type SendLogoutNotice = (
  notice: LogoutNotice,
  options: { readonly last: boolean },
) => Promise<Delivery | { readonly kind: 'given-up'; readonly why: string }>;

export function createSendLogoutNotice({
  transact,
  deliver,
}: Pick<FlowParts, 'transact'> & { readonly deliver: DeliverLogout }): SendLogoutNotice {
  return async (notice, { last }) => {
    const result = await deliver(notice);
    if (result.kind !== 'failed' || !last) return result;
    const { clientId, accountId } = notice;
    await transact(({ audit }) =>
      audit.record({
        event: 'backchannel_logout_failed',
        result: 'failure',
        actor: { kind: 'system' },
        subjectId: accountId,
        clientId,
        details: { why: result.why },
      }),
    );
    return { kind: 'given-up', why: result.why };
  };
}
