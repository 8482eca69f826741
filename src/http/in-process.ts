/**
 * Requests from this server to itself, without a socket. The issuer's public name may not be
 * reachable from inside, and TLS may end at a proxy; through here the whole application answers,
 * every check of a request from outside included.
 */
import type { RequestListener } from 'node:http';
import inject from 'light-my-request';

/** The part of `fetch` that a client of this server needs. */
export type InProcessFetch = (
  url: string,
  request: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  },
) => Promise<Response>;

/**
 * No address at all: it is in no network of trusted proxies, and what is counted by network is
 * counted apart from everybody's, so that no noisy neighbour of a shopper shuts the pages.
 */
const NOWHERE = 'in-process';

export function createInProcessFetch(listener: () => RequestListener): InProcessFetch {
  let dispatch: RequestListener | undefined;
  return async (address, { method, headers, body }) => {
    dispatch ??= listener();
    const { host, pathname, search } = new URL(address);
    const answer = await inject(dispatch, {
      method: method as 'GET' | 'POST',
      url: pathname + search,
      headers: { ...headers, host },
      remoteAddress: NOWHERE,
      ...(body === undefined || body === null ? {} : { payload: String(body) }),
    });
    const received = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const one of [value ?? []].flat()) received.append(name, String(one));
    }
    const empty = [204, 205, 304].includes(answer.statusCode);
    return new Response(empty ? null : new Uint8Array(answer.rawPayload), {
      status: answer.statusCode,
      headers: received,
    });
  };
}
