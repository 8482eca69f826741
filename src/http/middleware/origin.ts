/**
 * One host name, one scheme, one client address. Everything behind this trusts the request's
 * headers, so everything in them that a stranger could have written is replaced here: host
 * header attacks on links (CWE-644), a made-up X-Forwarded-For, a made-up client certificate.
 */
import { BlockList, isIP } from 'node:net';
import { CERTIFICATE_ENDPOINTS, type CertificateSource } from '../../kernel/client-certificate.js';
import { AppError } from '../../kernel/errors.js';
import type { AppMiddleware } from '../context.js';
import { VERIFY_PATH } from '../verify/gateway-request.js';
import { certificateReader } from './client-certificate.js';

// Only a declared proxy may speak for somebody else (requirement R32: X-SSL-* and the like).
const SPOOFABLE =
  /^(x-forwarded-|x-ssl-|x-tls-|x-client-|client-cert|ssl-client-|x-arr-clientcert|x-amzn-mtls-|forwarded$|x-real-ip$|x-original-|x-rewrite-)/;

/** All that is served where certificates are asked for: no page, so no cookie and no form. */
const CERTIFICATE_PATHS: ReadonlySet<string> = new Set(Object.values(CERTIFICATE_ENDPOINTS));

const ABSOLUTE = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i;

function blockList(cidrs: readonly string[]): BlockList {
  const trusted = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    trusted.addSubnet(address, bits ? Number(bits) : family === 'ipv6' ? 128 : 32, family);
  }
  return trusted;
}

function plainAddress(address: string): string {
  // Some proxies write the port along: `203.0.113.5:4711`, `[2001:db8::1]:4711`.
  const bare = address
    .trim()
    .replace(/^\[|\](:\d+)?$/g, '')
    .replace(/^([\d.]+):\d+$/, '$1');
  return bare.startsWith('::ffff:') && isIP(bare.slice(7)) === 4 ? bare.slice(7) : bare;
}

/**
 * @param issuer the only origin this server answers for; requests for others get 421
 * @param trustedProxies CIDRs whose forwarding headers are believed
 * @param mutualTls where client certificates come from, and a second origin for them
 */
export function pinOrigin(
  issuer: string,
  trustedProxies: readonly string[],
  mutualTls: CertificateSource & { readonly origin?: string | undefined } = { mode: 'off' },
): AppMiddleware {
  const { host, protocol } = new URL(issuer);
  const trusted = blockList(trustedProxies);
  const readCertificate = certificateReader(mutualTls);
  const spoofable = new Set(
    mutualTls.mode === 'proxy' ? [mutualTls.header, mutualTls.verifiedHeader] : [],
  );
  const certificateHost = mutualTls.origin && new URL(mutualTls.origin).host;
  const isTrusted = (address: string) => {
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };

  return async (ctx, next) => {
    const { headers } = ctx.req;
    const peer = plainAddress(ctx.req.socket.remoteAddress ?? '');
    const viaProxy = isTrusted(peer);

    let ip = peer;
    let seenHost = headers.host;
    if (viaProxy) {
      // From the right: the first address that is not a proxy of ours is the client's.
      const chain = String(headers['x-forwarded-for'] ?? '')
        .split(',')
        .map(plainAddress);
      while (isTrusted(ip)) {
        // What cannot be read was not written by a proxy of ours, nor was anything left of it.
        const next = chain.pop() ?? '';
        if (isIP(next) === 0) break;
        ip = next;
      }
      const forwardedHost = headers['x-forwarded-host'];
      if (typeof forwardedHost === 'string') seenHost = forwardedHost;
      const scheme = headers['x-forwarded-proto'];
      if (typeof scheme === 'string' && `${scheme.split(',')[0]?.trim()}:` !== protocol) {
        throw new AppError('misdirected_host', { detail: `This server answers ${protocol} only` });
      }
    }
    ctx.state.certificate = readCertificate(ctx.req, viaProxy);
    for (const name of Object.keys(headers)) {
      if (SPOOFABLE.test(name) || spoofable.has(name)) delete headers[name];
    }
    ctx.state.ip = ip;

    const named = ABSOLUTE.exec(ctx.req.url ?? '');
    if (named) {
      // A request to a proxy names the host in its first line, and that one counts (RFC 9112
      // section 3.2.2). Behind this there are only paths.
      const [, scheme = '', authority = '', path = ''] = named;
      seenHost = `${scheme.toLowerCase()}:` === protocol ? authority : '';
      const url = path.startsWith('/') ? path : `/${path}`;
      ctx.req.url = url;
      ctx.originalUrl = url;
      ctx.request.originalUrl = url;
    }

    // Probes come by address; they are told nothing worth pinning. Gateways come under whatever
    // name they know us by, or the API's; their answer has no address in it.
    const anyName = ctx.path.startsWith('/health/') || ctx.path === VERIFY_PATH;
    const askedHost = seenHost?.toLowerCase();
    // Without an alias, a request without a host would be one to it.
    const isAlias =
      certificateHost !== undefined &&
      askedHost === certificateHost &&
      CERTIFICATE_PATHS.has(ctx.path);
    if (!anyName && askedHost !== host && !isAlias) {
      throw new AppError('misdirected_host', { detail: `This server answers as ${issuer}` });
    }
    headers.host = host;
    headers['x-forwarded-host'] = host;
    headers['x-forwarded-proto'] = protocol.slice(0, -1);
    headers['x-forwarded-for'] = ip;
    await next();
  };
}
