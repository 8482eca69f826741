/** The settings of outgoing mail. */
import { isIP } from 'node:net';
import { Secret } from '../kernel/secret.js';

export type MailSender = { readonly name: string; readonly address: string };

const SENDER = /^(?:"?(?<name>[^"<>\p{Cc}]*?)"?\s*<(?<inner>[^<>]+)>|(?<bare>[^<>]+))$/u;
const ADDRESS = /^[^\s\p{C}<>()[\]\\,;:"@]{1,64}@[^\s\p{C}<>()[\]\\,;:"@]{1,253}$/u;

/** `address` or `Name <address>`. */
export function parseSender(value: string): MailSender {
  const { name = '', inner, bare } = SENDER.exec(value)?.groups ?? {};
  const address = (inner ?? bare ?? '').trim();
  if (!ADDRESS.test(address)) throw new Error('must be an address or "Name <address>"');
  return { name: name.trim(), address };
}

/** A sender for development, where no mail leaves the machine. */
export function senderFor(issuer: string): MailSender {
  const { hostname } = new URL(issuer);
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
  return { name: '', address: `no-reply@${isAddress ? 'localhost' : hostname}` };
}

/** A mail server: no path, and no query either, where some libraries look for `?tls.…=`. */
export function parseSmtpUrl(value: string): Secret {
  let url: URL;
  try {
    url = new URL(value);
    decodeURIComponent(url.username + url.password);
  } catch {
    throw new Error('must be a URL');
  }
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') {
    throw new Error('must start with smtp:// or smtps://');
  }
  if (!url.hostname) throw new Error('must name a host');
  if (url.search || url.hash || (url.pathname !== '' && url.pathname !== '/')) {
    throw new Error('must have no path, query or fragment');
  }
  return new Secret(value);
}
