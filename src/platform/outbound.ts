/**
 * The one way out to addresses that clients have registered: `jwks_uri`, back-channel logout,
 * notifications. Somebody else wrote them, so the call must not reach what only this server can
 * reach (server-side request forgery, CWE-918, OWASP ASVS 13.2.4):
 *
 * - https, and public addresses only. The operator may allow further hosts and networks, and
 *   those over http as well (`LATCHKEY_OUTBOUND_ALLOW`).
 * - The address is judged after the name was looked up and before the socket is opened, and the
 *   socket goes to the very address that was judged: a name that answers differently the next
 *   time (DNS rebinding) gains nothing, and a port inside cannot be felt by its timing.
 * - No redirects, no proxy of the environment, no connection kept for the next call.
 * - 2.5 seconds for all of it and 64 KiB of an answer, which is read before it is handed out.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { inNetworks, isPublicAddress } from '../kernel/public-address.js';

export type OutboundOptions = {
  readonly method?: string | undefined;
  readonly headers?: ConstructorParameters<typeof Headers>[0];
  readonly body?: string | URLSearchParams | null | undefined;
  readonly signal?: AbortSignal | null | undefined;
};

/**
 * `fetch` for addresses that are not ours. Resolves with any answer but a redirect, whatever its
 * status, its body read; rejects with an `OutboundError` when there is none.
 */
export type OutboundFetch = (url: string | URL, options?: OutboundOptions) => Promise<Response>;

/** Why a call was not made, or not finished. `refused` was decided before anything was opened. */
export type OutboundFault = 'refused' | 'redirected' | 'too-large' | 'timed-out' | 'unreachable';

export class OutboundError extends Error {
  readonly reason: OutboundFault;

  constructor(reason: OutboundFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'OutboundError';
    this.reason = reason;
  }
}

type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

const resolveBySystem: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses),
    );
  });

const TIMEOUT_MS = 2_500;
const LONGEST_ANSWER = 64 * 1024;

/** A host name as it is compared: no case, no final dot, no brackets around an address. */
const plainHost = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');

/**
 * @param allow hosts, addresses and CIDRs that may be called besides public ones
 * @param resolve looks a host name up; the system's resolver unless a test brings its own
 */
export function createOutboundFetch({
  allow,
  resolve = resolveBySystem,
  timeoutMs = TIMEOUT_MS,
  maxBytes = LONGEST_ANSWER,
  onFault,
}: {
  readonly allow: readonly string[];
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  /** Told of every call that brought no answer; the message names the host, not the path. */
  readonly onFault?: (fault: OutboundError) => void;
}): OutboundFetch {
  const isNetwork = (entry: string) => isIP(entry.split('/', 1)[0] ?? '') !== 0;
  const networks = allow.filter(isNetwork);
  const isAllowedAddress = inNetworks(networks);
  const allowedHosts = new Set(allow.filter((entry) => !isNetwork(entry)).map(plainHost));

  /** Looks up for the socket, and hands it only what was judged. */
  const lookupFor =
    (scheme: 'http' | 'https'): LookupFunction =>
    (hostname, { all }, done) => {
      resolve(hostname).then(
        (addresses) => {
          const first = addresses[0];
          const refused = addresses.find(({ address }) => !mayReach(scheme, hostname, address));
          if (refused || !first) {
            const why = refused
              ? `is at ${refused.address}, which is not public`
              : 'has no address';
            done(new OutboundError('refused', `${hostname} ${why}`), '', 4);
          } else if (all) done(null, [...addresses]);
          else done(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => done(error, '', 4),
      );
    };

  /** One private address among public ones is refused too: that is how rebinding looks. */
  function mayReach(scheme: 'http' | 'https', hostname: string, address: string): boolean {
    if (allowedHosts.has(plainHost(hostname)) || isAllowedAddress(address)) return true;
    return scheme === 'https' && isPublicAddress(address);
  }

  const agentFor = (scheme: 'http' | 'https') =>
    new Agent({
      connect: { lookup: lookupFor(scheme), timeout: timeoutMs },
      pipelining: 0,
      bodyTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      maxResponseSize: maxBytes,
    });
  const agents = { http: agentFor('http'), https: agentFor('https') };

  return async (address, options = {}) => {
    const url = new URL(address);
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      return await call(url, agents[judge(url)], options, limit);
    } catch (error) {
      const fault = asFault(error, url, limit);
      onFault?.(fault);
      throw fault;
    }
  };

  /** The scheme, unless it is clear from the address alone that it must not be called. */
  function judge(url: URL): 'http' | 'https' {
    const scheme = url.protocol.slice(0, -1);
    if (scheme !== 'https' && scheme !== 'http') {
      throw new OutboundError('refused', `${url.protocol} is not called`);
    }
    if (url.username || url.password) {
      throw new OutboundError('refused', 'an address with user information is not called');
    }
    const host = plainHost(url.hostname);
    if (scheme === 'http' && networks.length === 0 && !allowedHosts.has(host)) {
      throw new OutboundError('refused', `${url.host} is called over https only`);
    }
    // Sockets look names up; an address in the URL they would take as it is.
    if (isIP(host) !== 0 && !mayReach(scheme, host, host)) {
      throw new OutboundError('refused', `${url.host} is not public`);
    }
    return scheme;
  }

  async function call(
    url: URL,
    dispatcher: Agent,
    { method = 'GET', headers, body, signal }: OutboundOptions,
    limit: AbortSignal,
  ): Promise<Response> {
    const sent = new Headers(headers);
    if (body instanceof URLSearchParams && !sent.has('content-type')) {
      sent.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
    }
    sent.set('user-agent', 'latchkey');
    const answer = await request(url, {
      dispatcher,
      method: method as 'GET',
      headers: Object.fromEntries(sent),
      body: body instanceof URLSearchParams ? body.toString() : (body ?? null),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const { statusCode: status } = answer;
    if (status >= 300 && status < 400) {
      await answer.body.dump({ limit: 0 }).catch(() => undefined);
      throw new OutboundError(
        'redirected',
        `${url.host} answered ${status}, which is not followed`,
      );
    }
    const bytes = await readAtMost(answer.body, maxBytes, url);
    const received = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const one of [value ?? []].flat()) received.append(name, one);
    }
    const bodiless = status === 204 || status === 205;
    return new Response(bodiless ? null : bytes, { status, headers: received });
  }
}

async function readAtMost(
  body: AsyncIterable<Buffer>,
  limit: number,
  url: URL,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw new OutboundError('too-large', `${url.host} answered with too much`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Every way of failing as one kind of error; ours may be wrapped by the socket's. */
function asFault(error: unknown, { host }: URL, limit: AbortSignal): OutboundError {
  if (error instanceof OutboundError) return error;
  const { cause, code } = error as { cause?: unknown; code?: unknown };
  if (cause instanceof OutboundError) return cause;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new OutboundError('too-large', `${host} answered with too much`, error);
  }
  if (limit.aborted || String(code).endsWith('_TIMEOUT')) {
    return new OutboundError('timed-out', `${host} did not answer in time`, error);
  }
  return new OutboundError('unreachable', `${host} could not be reached`, error);
}
