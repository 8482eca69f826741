/**
 * Tells a client that wants to be told that its request was answered (CIBA 10.2, the mode ping).
 * The queue calls this until the client has heard it. Nothing is lost where it never does: it may
 * ask by itself as well.
 */
import type { Ping, PingContent } from '../../domain/grants/index.js';
import type { FlowParts } from '../domain.js';
import type { Delivery } from '../send-logout-notice.js';

/** Sends it once; never throws. */
export type DeliverPing = (ping: Ping, content: PingContent) => Promise<Delivery>;

export type SendPing = (
  ping: Ping,
  options: { readonly last: boolean },
) => Promise<Delivery | { readonly kind: 'given-up'; readonly why: string }>;

export function createSendPing({
  domain,
  deliver,
}: Pick<FlowParts, 'domain'> & { readonly deliver: DeliverPing }): SendPing {
  const { grants } = domain;
  return async (ping, { last }) => {
    const content = await grants.findPing(ping);
    if (!content) return { kind: 'unwanted' };
    const result = await deliver(ping, content);
    if (result.kind === 'failed' && !last) return result;
    // What was kept for it is of no more use.
    await grants.dropPing(ping);
    return result.kind === 'failed' ? { kind: 'given-up', why: result.why } : result;
  };
}
