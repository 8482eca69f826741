/**
 * Which redirect URIs may be registered (RFC 9700 section 4.1, RFC 8252 section 7). The exact
 * match at run time only protects as much as what was registered is exact.
 */
import { isIP } from 'node:net';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const FORBIDDEN_SCHEMES = new Set([
  'javascript:',
  'data:',
  'vbscript:',
  'blob:',
  'file:',
  'about:',
]);

/** Why `uri` may not be registered, or `undefined` when it may. */
export function redirectUriFault(
  uri: string,
  rules: { readonly native: boolean; readonly production: boolean },
): string | undefined {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    return 'is not an absolute URI';
  }
  // The raw text is what gets compared, so it must not hide anything a parser drops.
  if (/[\s\\*\p{Cc}]/u.test(uri)) return 'must not contain blanks, backslashes or wildcards';
  if (uri.includes('#')) return 'must not have a fragment';
  if (url.username || url.password || /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(uri)) {
    return 'must not have user information';
  }
  if (FORBIDDEN_SCHEMES.has(url.protocol)) return `must not use the scheme ${url.protocol}`;
  if (url.protocol === 'https:') {
    if (rules.production && isAddress(url.hostname)) return 'must name a host, not an IP address';
    return undefined;
  }
  if (url.protocol === 'http:') {
    if (!LOOPBACK.has(url.hostname)) return 'must be https (http is for loopback only)';
    if (rules.production && !rules.native) {
      return 'must be https (http on loopback is for native applications)';
    }
    return undefined;
  }
  if (!rules.native) return 'must be https';
  // RFC 8252 section 7.1: a private-use scheme is a reversed domain name.
  return url.protocol.includes('.') ? undefined : 'must use a reversed domain name as its scheme';
}

function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}
