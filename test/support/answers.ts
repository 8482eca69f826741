/** What holds for every answer of the protocol's endpoints, whatever was asked and how. */
import { parse } from 'node:querystring';
import { errorTable } from '../../src/kernel/errors.js';
import { protocolErrors } from './documented-errors.js';
import { type Outgoing, written } from './outgoing.js';
import type { WireReply } from './protocol.js';
import type { Sound } from './sound.js';

const STATUSES = [200, 201, 204, 302, 303, 400, 401, 403, 404, 405, 413, 415];
/** Node's own, before a request is one: a header block of more than 16 KiB, or none at all. */
const BEFORE_US = [400, 431];
const PAGES = ['/oauth2/authorize', '/oauth2/logout', '/device'];
/** Each client's only way back, and where one may be led after a log-out. */
const WAYS_BACK: Readonly<Record<string, string>> = {
  'demo-storefront': 'http://localhost:4000/callback',
  'demo-storefront-bff': 'http://localhost:4001/callback',
};
const documented = protocolErrors();

/**
 * The first word of an answer (all of it, headers and text) that tells of the inside: a stack, a
 * statement, the name of a library. Whole words where a word is short, and no random values, which
 * are long and hold a digit: three letters stand in many a one of those.
 */
export function insideOf(text: string): string | undefined {
  return INSIDE.exec(text.replace(/nonce[-=]"?[\w-]+/g, '').replace(RANDOM, ''))?.[0];
}
const RANDOM = /(?<![\w-])(?=[\w-]{16})(?=[A-Za-z_-]*\d)[\w-]+/g;
const INSIDE =
  /\bat \S+ \(|node_modules|node:internal|\/dist\/|\/src\/|prisma|postgres|\bSELECT\b|\bINSERT\b|SQLSTATE|x-powered-by|oidc-provider|(?<![\w-])koa(?:-mount)?(?![\w-])/i;

/** What the parameters are to whoever reads the request as its content type says. */
export function arrived(request: Outgoing): ReadonlyMap<string, readonly string[]> {
  const text = written(request.parameters);
  const carried = request.carrier === 'query' ? text : (request.body ?? text);
  const found = Object.entries(parse(carried.replace(/^\uFEFF/, '')));
  return new Map(found.map(([name, value]) => [name, [value ?? []].flat()]));
}

const firstHeader = ({ headers }: Outgoing, name: string) =>
  headers
    .find(([own]) => own === name)?.[1]
    .trim()
    .replace(/^\S+/, (scheme) => scheme.toLowerCase());

const allCookies = ({ headers }: Outgoing) =>
  headers.flatMap(([name, value]) => (name === 'cookie' ? [value] : [])).join('; ');

/** Why nothing may be given for the request, if so: something it needs is not as it was. */
export function unsound(base: Sound, sent: Outgoing): string | undefined {
  const before = arrived(base);
  const now = arrived(sent);
  const own = WAYS_BACK[now.get('client_id')?.[0] ?? ''];
  const authorization = ['/oauth2/authorize', '/oauth2/par'].includes(base.path);
  for (const name of base.needs) {
    const values = now.get(name) ?? [];
    if (values.length !== 1) return `${name} was there ${values.length} times`;
    // A whole request of another client's is as good as one of this client's.
    const whole = name === 'client_id' || name === 'redirect_uri';
    const elsewhere = whole && authorization && now.get('redirect_uri')?.[0] === own;
    if (values[0] !== before.get(name)?.[0] && !(elsewhere && own)) return `${name} was another`;
  }
  for (const name of base.proofs) {
    // All that is sent of them is one list, in which others do no harm.
    if (name === 'cookie' && allCookies(sent).includes(allCookies(base))) continue;
    if (firstHeader(sent, name) !== firstHeader(base, name))
      return `the header ${name} was another`;
  }
  return undefined;
}

/** Everything that is wrong with an answer; empty where it is one of those documented. */
export function faultsOf(issuer: string, sent: Outgoing, reply: WireReply): string[] {
  const faults: string[] = [];
  const expectThat = (holds: boolean, otherwise: string) => {
    if (!holds) faults.push(otherwise);
  };
  const { status, headers, text, json } = reply;
  const type = headers['content-type'] ?? '';
  const gatewayFault =
    sent.path === '/oauth2/verify' &&
    status === errorTable.gateway_refused.status &&
    json.error_description !== errorTable.internal.title;

  if (!headers['x-request-id']) {
    expectThat(BEFORE_US.includes(status) && text === '', `${status} from before us, "${text}"`);
    return faults;
  }
  expectThat(STATUSES.includes(status) || gatewayFault, `status ${status}`);
  const inside = insideOf(text);
  expectThat(inside === undefined, `it told of the inside: ${inside}`);
  expectThat(headers['x-injected'] === undefined, 'a header was injected');
  expectThat(!/html/.test(type) || !/<x-marker/i.test(text), 'what was sent came back as markup');
  expectThat(headers['x-content-type-options'] === 'nosniff', 'its type may be guessed');

  const asksPage = sent.headers.some(([name, value]) => name === 'accept' && /html/.test(value));
  if (!PAGES.includes(sent.path) && !asksPage) {
    if (text !== '') expectThat(/^application\/json\b/.test(type), `the type ${type || 'none'}`);
    if (status !== 204) {
      expectThat(/no-store/.test(headers['cache-control'] ?? ''), 'it may be cached');
    }
    if (status >= 400 && sent.method !== 'HEAD') {
      const known = documented.has(String(json.error));
      expectThat(known, `the error ${json.error}, which is not documented`);
      expectThat(json.error !== 'server_error' || gatewayFault, 'a server_error');
    }
  } else {
    const types =
      status < 400 && headers.location !== undefined
        ? /^text\//
        : /^(text\/html|application\/json)\b/;
    expectThat(text === '' || types.test(type), `the type ${type}`);
  }
  for (const target of targetsOf(reply)) faults.push(...wayFaults(issuer, sent, target));
  return faults;
}

/** Where an answer leads: its redirect, and the forms in its page. */
function targetsOf({ headers, text }: WireReply): string[] {
  const forms = /html/.test(headers['content-type'] ?? '')
    ? [...text.matchAll(/<form[^>]*\saction="([^"]*)"/g)].map(([, action = '']) =>
        action.replaceAll('&amp;', '&'),
      )
    : [];
  return [...(headers.location === undefined ? [] : [headers.location]), ...forms];
}

function wayFaults(issuer: string, sent: Outgoing, target: string): string[] {
  if (!URL.canParse(target, issuer)) return [`a way to nowhere: ${target}`];
  const url = new URL(target, issuer);
  if (url.origin === issuer && !url.username) return [];
  const asked = arrived(sent);
  const clientId = asked.get('client_id')?.[0] ?? '';
  const [bare = ''] = target.split('?');
  if (sent.path !== '/oauth2/authorize' || bare !== WAYS_BACK[clientId]) {
    return [`a way out to ${target}, asked by ${clientId}`];
  }
  const faults: string[] = [];
  // A form carries them in fields, a signed answer in its JWT.
  if (!target.includes('?') || url.searchParams.has('response')) return faults;
  if (url.searchParams.getAll('iss').join(' ') !== issuer) faults.push(`a way back without iss`);
  const error = url.searchParams.get('error');
  if (error !== null && (!documented.has(error) || error === 'server_error')) {
    faults.push(`sent back with the error ${error}`);
  }
  const states = asked.has('request_uri') ? [] : (asked.get('state') ?? []);
  const [state = ''] = states;
  if (states.length === 1 && !state.includes('\uFFFD')) {
    const back = url.searchParams.getAll('state');
    if (back.join('\n') !== state || back.length !== (state ? 1 : 0)) {
      faults.push(`sent back with the state ${JSON.stringify(back)}`);
    }
  }
  return faults;
}
