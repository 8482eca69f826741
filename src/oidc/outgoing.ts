/**
 * What the protocol host calls by itself: clients' keys and sector identifiers. Its own guard
 * looks at the address once the connection stands; ours before it is opened.
 */
import type { Configuration } from 'oidc-provider';
import { jwksFault } from '../domain/clients/index.js';
import { isCheckOfRegistration } from './sector-check.js';

/** `fetch` for addresses that clients have registered (see `platform/outbound`). */
export type Outgoing = (
  url: string | URL,
  options?: {
    readonly method?: string | undefined;
    readonly headers?: ConstructorParameters<typeof Headers>[0];
    readonly body?: string | URLSearchParams | null | undefined;
    readonly signal?: AbortSignal | null | undefined;
  },
) => Promise<Response>;

export type OutgoingParts = {
  readonly outgoing: Outgoing;
  /** For those who ask to be registered: what the operator has opened inside is not for them. */
  readonly outgoingForStrangers: Outgoing;
};

/**
 * Clients' keys are believed for a minute, whatever their server says of caching: the host would
 * take a key that was withdrawn for as long as `max-age` had promised. A failure counts as one
 * at once and not, as it would, as a minute more for the old keys: the host notes that it has
 * fresh ones before it looks at what it got, so a set that is none must not reach it.
 */
export function hostFetch({
  outgoing,
  outgoingForStrangers,
}: OutgoingParts): NonNullable<Configuration['fetch']> {
  return async (url, { method, headers, body, signal } = {}) => {
    const sent = body as string | URLSearchParams | null | undefined;
    const address = url instanceof Request ? url.url : url;
    const call = isCheckOfRegistration() ? outgoingForStrangers : outgoing;
    const response = await call(address, { method, headers, body: sent, signal });
    if (method !== 'GET') return response;
    if (response.status !== 200) throw new Error(`the answer was ${response.status}`);
    const kept = new Headers();
    const type = response.headers.get('content-type');
    if (type) kept.set('content-type', type);
    const content = await response.text();
    refuseBrokenKeys(JSON.parse(content));
    return new Response(content, { status: 200, headers: kept });
  };
}

/** What is fetched is a set of keys, or a list of redirect URIs, which is not kept. */
function refuseBrokenKeys(fetched: unknown): void {
  if (Array.isArray(fetched)) return;
  const fault = jwksFault(fetched);
  if (fault) throw new Error(fault);
}
