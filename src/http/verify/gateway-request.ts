/**
 * What a gateway tells about the request it asks for. It does so in the headers that proxies
 * use for themselves, so they are set aside before anything reads them as such: else a gateway
 * that is also a trusted proxy would seem to speak of this server's own name and scheme.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { ACR_VALUES, isAcr } from '../../domain/signin/index.js';
import type { Demand, Described } from '../../flows/verify-access.js';
import { AppError } from '../../kernel/errors.js';
import type { AppContext, AppMiddleware } from '../context.js';

export const VERIFY_PATH = '/oauth2/verify';

/** All that is looked at; the rest is the caller's and none of our business, cookies above all. */
const OURS = new Set([
  'authorization',
  'dpop',
  'host',
  'x-forwarded-for',
  'x-gateway-authorization',
]);

const setAside = new WeakMap<object, IncomingHttpHeaders>();

/** To be run before the forwarding headers are read. */
export const setAsideRequest: AppMiddleware = async (ctx, next) => {
  if (ctx.path === VERIFY_PATH) {
    const { headers } = ctx.req;
    setAside.set(ctx.req, { ...headers });
    for (const name of Object.keys(headers)) {
      if (!OURS.has(name)) delete headers[name];
    }
  }
  return next();
};

/** How a gateway writes what it was asked. It says which: the others may come from the caller. */
const STYLES = ['x-original', 'x-forwarded'] as const;
type Style = (typeof STYLES)[number];

export type Question = {
  readonly demand: Demand;
  /** Whether tokens that are bound to a key can be proven here. */
  readonly style: Style | undefined;
  readonly certificate: boolean;
};

const NAMES = ['audience', 'scope', 'acr_values', 'max_age', 'request', 'certificate'];
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

const wrong = (detail: string) => new AppError('gateway_refused', { detail });

/**
 * What the gateway asks, from the query of its own request. A misspelled name must not become
 * a demand that is not made, so what is unknown, repeated or malformed is refused.
 */
export function readQuestion(ctx: AppContext): Question {
  const query = new URLSearchParams(ctx.querystring);
  for (const name of query.keys()) {
    if (!NAMES.includes(name)) throw wrong(`There is no parameter ${printable(name)}`);
    if (query.getAll(name).length > 1) throw wrong(`${name} is given twice`);
  }
  const given = (name: string) => query.get(name) ?? undefined;
  return {
    demand: {
      audience: given('audience'),
      scopes: scopesOf(given('scope')),
      acr: acrOf(given('acr_values')),
      maxAge: secondsOf(given('max_age')),
    },
    style: oneOf(STYLES, 'request', given('request')),
    certificate:
      oneOf(['x-client-cert-thumbprint'], 'certificate', given('certificate')) !== undefined,
  };
}

function scopesOf(value: string | undefined): string[] {
  if (value === undefined) return [];
  const scopes = value.split(' ').filter(Boolean);
  if (scopes.length === 0 || !scopes.every((scope) => SCOPE.test(scope))) {
    throw wrong('scope must be names with spaces between them');
  }
  return scopes;
}

/** Any of the values will do, so the weakest of them is the demand (RFC 9470 section 4). */
function acrOf(value: string | undefined): Demand['acr'] {
  if (value === undefined) return undefined;
  const values = value.split(' ').filter(Boolean);
  if (values.length === 0 || !values.every(isAcr)) {
    throw wrong(`acr_values must be of ${ACR_VALUES.join(' ')}`);
  }
  return ACR_VALUES.find((acr) => values.includes(acr));
}

function secondsOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,9}$/.test(value)) throw wrong('max_age must be a number of seconds');
  return Number(value);
}

function oneOf<T extends string>(
  known: readonly T[],
  name: string,
  value: string | undefined,
): T | undefined {
  const found = known.find((one) => one === value);
  if (value !== undefined && !found) throw wrong(`${name} must be ${known.join(' or ')}`);
  return found;
}

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 50);

/** Any token (RFC 9110 section 9.1): callers choose it, and `M-SEARCH` is no slip of a gateway's. */
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * The request as the gateway tells it; believed only once the gateway has proven itself, and
 * complained of only where it is needed: part of it is the caller's.
 */
export function readDescription(ctx: AppContext, { style, certificate }: Question): Described {
  const told = setAside.get(ctx.req) ?? {};
  const header = (name: string) => {
    const value = told[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    request: style && requestOf(header, style),
    certificate: (certificate && header('x-client-cert-thumbprint')) || undefined,
  };
}

function requestOf(header: (name: string) => string, style: Style): Described['request'] {
  const method = header(`${style}-method`);
  const url =
    style === 'x-original'
      ? header('x-original-url')
      : `${header('x-forwarded-proto')}://${header('x-forwarded-host')}${header('x-forwarded-uri')}`;
  if (!METHOD.test(method) || !/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    return 'unreadable';
  }
  const { origin, pathname } = new URL(url);
  return { method, url: origin + pathname };
}
