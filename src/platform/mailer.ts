/**
 * Outgoing mail over SMTP (RFC 5321). Encrypted to anywhere but this machine: a server that does
 * not offer STARTTLS, or somebody on the way who hides the offer, gets no letter (RFC 8314).
 */
import { createTransport } from 'nodemailer';
import type { Secret } from '../kernel/secret.js';

/** What a letter shows as `cid:…` travels with it (RFC 2392): nothing is fetched to be read. */
export type Picture = {
  readonly cid: string;
  readonly type: 'image/png';
  readonly bytes: Uint8Array;
};

export type Message = {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly pictures?: readonly Picture[];
};

export type Mailer = {
  /** Resolves when the mail server has taken the message over; throws `MailFailed` otherwise. */
  send(message: Message): Promise<void>;
};

export type Sender = { readonly name: string; readonly address: string };

/**
 * A message that was not taken. Says what went wrong in codes only: a server's own words quote
 * the address it refuses, and they would end up in logs and in the queue's tables.
 */
export class MailFailed extends Error {
  readonly code: string;
  /** The server knows no such mailbox: trying again changes nothing. */
  readonly permanent: boolean;

  constructor(code: string, options: { permanent?: boolean } = {}) {
    super(`The mail was not taken (${code})`);
    this.name = 'MailFailed';
    this.code = code;
    this.permanent = options.permanent ?? false;
  }
}

const SEND_LIMIT_MS = 45_000;
// A bare address and nothing else: no list, no comment, no display name, no quoted part. Else
// "a@shop.example, b@evil.example" as a login name would be two readers (CWE-93).
const ADDRESS = /^[^\s\p{C}<>()[\]\\,;:"@]{1,64}@[^\s\p{C}<>()[\]\\,;:"@]{1,253}$/u;

const loopback = (host: string) =>
  host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);

/** Opens no connection before the first message; keeps at most two afterwards. */
export function createSmtpMailer(options: {
  /** `smtp://` (STARTTLS, 587) or `smtps://` (TLS from the start, 465). */
  readonly url: Secret;
  readonly from: Sender;
}): Mailer & { close(): void } {
  const url = new URL(options.url.reveal());
  const secure = url.protocol === 'smtps:';
  const local = loopback(url.hostname);
  const transport = createTransport({
    pool: true,
    maxConnections: 2,
    // Taken apart here: the library would also take options from a query, `?tls.…=` among them.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (secure ? 465 : 587),
    secure,
    requireTLS: !secure && !local,
    // A relay on this machine often offers STARTTLS with a certificate nobody signed.
    ignoreTLS: !secure && local,
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true },
    ...(url.username
      ? {
          auth: {
            user: decodeURIComponent(url.username),
            pass: decodeURIComponent(url.password),
          },
        }
      : {}),
    // Announced in place of the machine's own name, which is nobody's business.
    name: options.from.address.slice(options.from.address.lastIndexOf('@') + 1),
    connectionTimeout: 5_000,
    greetingTimeout: 5_000,
    socketTimeout: 20_000,
    idleTimeout: 30_000,
    maxRequeues: 0,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  });
  // An idle connection that the server drops; the next message opens another.
  transport.on('error', () => undefined);

  return {
    async send({ to, subject, text, html, pictures = [] }) {
      if (!ADDRESS.test(to)) throw new MailFailed('EADDRESS', { permanent: true });
      try {
        await transport.sendMail({
          from: { ...options.from },
          to: { name: '', address: to },
          envelope: { from: options.from.address, to: [to] },
          subject: oneLine(subject),
          text,
          html,
          attachments: pictures.map(({ cid, type, bytes }) => ({
            cid,
            content: Buffer.from(bytes),
            contentType: type,
            contentDisposition: 'inline' as const,
            filename: 'logo.png',
          })),
          // RFC 3834: no out-of-office replies, please.
          headers: { 'Auto-Submitted': 'auto-generated' },
          xMailer: false,
          signal: AbortSignal.timeout(SEND_LIMIT_MS),
        });
      } catch (error) {
        throw mailFailed(error);
      }
    },
    close: () => transport.close(),
  };
}

/** The subject is a header: a line break in it would begin another one (CWE-93). */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

function mailFailed(error: unknown): MailFailed {
  const { code, responseCode, command } = (error ?? {}) as Record<string, unknown>;
  const parts = [code, responseCode, command].filter(
    (part) => /^[\w -]{1,20}$/.test(String(part)) && part !== undefined,
  );
  return new MailFailed(parts.join(' ') || 'unknown', {
    // 5yz to RCPT is about this reader; to anything else it is about us, and may be repaired.
    permanent: command === 'RCPT TO' && Number(responseCode) >= 500,
  });
}
