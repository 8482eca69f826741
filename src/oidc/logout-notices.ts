/**
 * Back-channel logout between the protocol host and the queue. The host would send its notices
 * from within the log-out request, once, and forget those that nobody took; here the statement
 * that ends a session queues them (see the grants island), and the queue has the host's own
 * sending done, which makes the logout token anew for each try: the present key, a fresh `exp`,
 * and a `jti` of its own. One `jti` for all tries would have a client that took the first, but
 * whose answer was lost, refuse the second as a replay, and be tried until it is given up.
 */
import Provider from 'oidc-provider';
import type { Grants, LogoutNotice } from '../domain/grants/index.js';
import type { Delivery } from '../flows/send-logout-notice.js';
import type { HostClient } from './clients.js';
import { guarded } from './errors.js';

type Send = (this: HostClient, accountId: string, sid: string) => Promise<void>;

/** What the host would have done itself, by the provider it belongs to. */
const sends = new WeakMap<Provider, Send>();

/** Teaches a provider to leave the sending to the queue. */
export function teachLogout(provider: Provider, grants: Pick<Grants, 'tellOfLogout'>): void {
  const prototype = provider.Client.prototype as HostClient & { backchannelLogout: Send };
  sends.set(provider, prototype.backchannelLogout);

  prototype.backchannelLogout = async function leave(accountId, sid) {
    // The session ends in a moment, and tells all its clients then.
    if (Provider.ctx?.oidc?.params?.logout) return;
    // "Stay signed in": only the client that asked leaves the session.
    const { clientId } = this;
    await guarded(() => grants.tellOfLogout({ clientId, accountId, sid }));
  };
}

/** One try to tell a client, through whichever provider is the present one. */
export function createDeliverLogout(host: {
  current(): Provider;
}): (notice: LogoutNotice) => Promise<Delivery> {
  return async ({ clientId, accountId, sid }) => {
    const provider = host.current();
    try {
      const client = await provider.Client.find(clientId);
      if (!client?.backchannelLogoutUri) return { kind: 'unwanted' };
      await sends.get(provider)?.call(client, accountId, sid);
      return { kind: 'delivered' };
    } catch (error) {
      return { kind: 'failed', why: reasonOf(error) };
    }
  };
}

/** `HTTP 503`, `timed-out`: nothing that the other side could word. */
export function reasonOf(error: unknown): string {
  const { response, reason, name } = error as Readonly<Record<string, unknown>>;
  const { status } = (response ?? {}) as { status?: unknown };
  if (typeof status === 'number') return `HTTP ${status}`;
  for (const word of [reason, name]) {
    if (typeof word === 'string' && /^[\w-]{1,60}$/.test(word)) return word;
  }
  return 'unknown';
}
