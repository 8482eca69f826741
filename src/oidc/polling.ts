/**
 * Clients that ask again and again whether somebody has answered (RFC 8628 section 3.5, CIBA 7.3).
 * The protocol host never tells them to slow down.
 */
import Provider, { errors } from 'oidc-provider';
import type { Grants } from '../domain/grants/index.js';
import { guarded } from './errors.js';

/** What is asked about: unanswered until one of these is there. */
type Polled = {
  readonly clientId?: string | undefined;
  readonly consumed?: unknown;
  readonly isExpired: boolean;
  readonly accountId?: string | undefined;
  readonly grantId?: string | undefined;
  readonly error?: string | undefined;
};
type Find<Found> = (value: string, options?: object) => Promise<Found | undefined>;

/**
 * A model's `find` that counts polls at the token endpoint, after the client has proven who it is:
 * a stranger cannot slow anybody down. Once it is answered a client may ask as often as it likes,
 * because it will do so once.
 *
 * @param isAnswered whether there is something to be fetched
 */
export function findSlowly<Found extends Polled>(
  find: Find<Found>,
  grants: Pick<Grants, 'notePoll'>,
  isAnswered: (found: Found) => boolean,
): Find<Found> {
  return async (value, options) => {
    const found = await find(value, options);
    const { oidc } = Provider.ctx ?? {};
    const pending = found && !isAnswered(found) && !found.consumed && !found.isExpired;
    if (!pending || oidc?.route !== 'token') return found;
    if (oidc.client?.clientId !== found.clientId) return found;
    if (!(await guarded(() => grants.notePoll(value)))) throw new errors.SlowDown();
    return found;
  };
}
