/**
 * Which addresses a page may carry. Clients choose some of them, so every one passes here
 * before a template sees it: what is not plainly safe becomes no link at all.
 */

function parse(value: string): URL | undefined {
  try {
    const url = new URL(value);
    return url.username === '' && url.password === '' ? url : undefined;
  } catch {
    return undefined;
  }
}

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** A path on this very server; `//host`, backslashes, `@` and control characters are refused. */
export function localPath(value: string | undefined): string | undefined {
  return value !== undefined && /^\/(?!\/)[^\\@\s\p{Cc}]*$/u.test(value) ? value : undefined;
}

/** An https address, normalised; anything else is undefined. */
export function httpsLink(value: string | undefined): string | undefined {
  const url = value === undefined ? undefined : parse(value);
  return url?.protocol === 'https:' ? url.href : undefined;
}

/** An https address, or http on this machine for a storefront under development. */
export function webLink(value: string | undefined): string | undefined {
  const url = value === undefined ? undefined : parse(value);
  if (url?.protocol === 'http:' && loopback.has(url.hostname)) return url.href;
  return httpsLink(value);
}

/** The address that opens an authenticator app, for one-time codes by time; nothing else. */
export function otpauthLink(value: string | undefined): string | undefined {
  const url = value === undefined ? undefined : parse(value);
  return url?.protocol === 'otpauth:' && url.host === 'totp' ? url.href : undefined;
}

/** Where a form may post. The server chooses it, so anything else is a defect, not an outcome. */
export function formTarget(value: string): string {
  const path = localPath(value);
  if (path !== undefined) return path;
  const url = parse(value);
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url.href;
  throw new TypeError('a form may only post to a path of this server or to an http(s) address');
}

/** Of a link in a letter, 43 characters are ours; what a mail program added to them is cut here. */
const LONGEST_TOKEN = 100;

/** The token in the address of a link, bounded; one that a mail program broke opens nothing. */
export function linkToken(value: unknown): string {
  return String(value).slice(0, LONGEST_TOKEN);
}
